"""Tasks, timers, threads and streams: what is stuck, scheduled, running and open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from leakhunt.errors import LeakhuntError
from leakhunt.hunt.activities import Activity, list_activities
from leakhunt.hunt.source import Sources
from leakhunt.report import units
from leakhunt.tui import keys, messages
from leakhunt.tui.cancelled import Cancelled
from leakhunt.tui.model.activities import ActivityTable
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.screens.noting import Noting
from leakhunt.tui.screens.view import View
from leakhunt.tui.screens.writing import Writing
from leakhunt.tui.widgets.columns import Column
from leakhunt.tui.widgets.lines import Lines
from leakhunt.tui.widgets.rows import RowList
from leakhunt.tui.widgets.source_pane import SourcePane
from leakhunt.tui.widgets.words import name

_COLUMNS = (
    Column("", 6, is_right=True),
    Column("kind", 7),
    Column("state", 11),
    Column("what", least=16, is_prose=True),
    Column("where", 34),
    Column("born", 14, keep=3),
    Column("retained", 10, is_right=True, keep=2),
)


class TasksView(Noting, Writing, View):
    """A list, and below it the stack and the source of the row under the cursor."""

    NAME = "tasks"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings(
        "walk", "+filter", "+group", "copy", "mark", "note", "report", "export"
    )

    def __init__(self) -> None:
        super().__init__()
        self._table = ActivityTable()
        self._sources = Sources()
        self._is_there = False

    def body(self) -> ComposeResult:
        """How many there are, the filter, the list, the stack."""
        yield Lines(classes="caption")
        yield Input(placeholder="filter", classes="filter", compact=True)
        yield RowList(_COLUMNS)
        with VerticalScroll(id="activity", can_focus=False):
            yield SourcePane()

    def begin(self) -> None:
        """The list has the keys."""
        super().begin()
        self._list.focus()

    @property
    def _list(self) -> RowList:
        return self.query_one(RowList)

    # ---- what is shown ----

    def show_heap(self, heap: HeapView | None) -> None:
        """The heap is open; None: forget what was of another one."""
        if heap is None:
            table = self._table
            table.heap, table.activities, table.members = None, (), None
            self._is_there = False
            self._arrange()
            self.query_one(".caption", Static).update("opening the heap")
        else:
            self._load()

    @work(thread=True, exclusive=True, group="tasks")
    def _load(self) -> None:
        """Look for them."""
        heap = self.own.heap
        if heap is None:
            return
        try:
            if len(self.case.files) > 1:
                self.case.open_ages(self.own.tell)
            found = list_activities(heap.graph, self.own.tell)
        except LeakhuntError as error:
            self.own.from_worker(self.own.fail, error)
            return
        except Cancelled:
            return
        finally:
            self.own.from_worker(setattr, self.own, "waiting", "")
        self.own.from_worker(self._show, heap, found)

    def _show(self, heap: HeapView, found: Sequence[Activity]) -> None:
        if heap is not self.own.heap:
            return  # another hunt came
        self._is_there = True
        self._sources = Sources.of_header(heap.graph.columns.header)
        self._table.heap, self._table.activities = heap, found
        self._arrange()

    def _arrange(self, *, cursor: int = 0) -> None:
        self._table.arrange()
        self._list.show(self._table, cursor=cursor)
        self._caption()
        self._draw()

    def _caption(self) -> None:
        table = self._table
        if table.members is not None:
            text = f"{units.plural(len(table), 'alike one', 'alike ones')}: Esc for all"
        elif not table.activities:
            text = "no task, timer, thread or stream" if self._is_there else ""
        else:
            counts = [units.plural(n, str(kind)) for kind, n in table.counts().items()]
            stuck = table.stuck_count
            text = ", ".join(counts) + (f"; {units.plural(stuck, 'task')} stuck" if stuck else "")
        self.query_one(".caption", Static).update(text)

    def on_row_list_moved(self) -> None:
        """Another row: its stack."""
        self._draw()

    def _draw(self) -> None:
        one, pane = self._one, self.query_one(SourcePane)
        if one is None:
            pane.show("")
            return
        heap = self._table.heap
        held = [f"held by {heap.path(one.node)}"] if heap is not None else []
        woken = [f"woken by {one.note}"] if one.note and one.kind == "task" else [one.note]
        if one.state == "stuck":
            woken = ["nothing that can still run would wake it"]
        source = None if one.place is None else self._sources.around(one.place, lines=3)
        title = " ".join(word for word in (str(one.kind), one.state, one.name, one.type) if word)
        pane.show(title, source, one.stack, [*woken, *held])
        self.query_one("#activity").scroll_home(animate=False)

    # ---- selection ----

    def action_filter(self) -> None:
        """Type to select."""
        field = self.query_one(Input)
        field.add_class("-open")
        self.set_focus(field)

    @on(Input.Changed)
    def _filtered(self, event: Input.Changed) -> None:
        self._table.text = event.value
        self._arrange()

    @on(Input.Submitted)
    def _filter_done(self) -> None:
        self._list.focus()

    def action_group(self) -> None:
        """Alike ones together, or one by one."""
        self._table.is_grouped, self._table.members = not self._table.is_grouped, None
        self._arrange()

    def on_row_list_opened(self) -> None:
        """Enter: the members of a group; the chain of one."""
        if self._list.cursor >= len(self._table):
            return
        group = self._table.shown[self._list.cursor]
        if len(group) > 1:
            self._table.members = group.members
            self._arrange()
        else:
            self.action_walk()

    def go_back(self) -> bool:
        """From the members to the groups."""
        if self._table.members is None:
            return False
        before, self._table.members = self._table.members, None
        self._table.arrange()
        groups = [group.members for group in self._table.shown]
        self._arrange(cursor=groups.index(tuple(before)) if tuple(before) in groups else 0)
        return True

    def close(self) -> None:
        """Esc: back to all, else empty the filter."""
        field = self.query_one(Input)
        if not self.go_back() and field.has_class("-open"):
            field.value = ""
            field.remove_class("-open")
            self._list.focus()

    # ---- the row under the cursor ----

    @property
    def _one(self) -> Activity | None:
        shown, at = self._table.shown, self._list.cursor
        return shown[at].first if at < len(shown) else None

    def action_walk(self) -> None:
        """Its chain."""
        if self._one is not None:
            self.post_message(messages.OpenNode(self._one.node))

    def action_copy(self) -> None:
        """The line of code, or the path."""
        one, heap = self._one, self._table.heap
        if one is not None and one.place is not None:
            self.post_message(messages.Copy(f"{one.place.file}:{one.place.line}"))
        elif one is not None and heap is not None:
            self.post_message(messages.Copy(heap.path(one.node)))

    def drawn_around(self) -> str:
        """The object under the cursor."""
        one, heap = self._one, self._table.heap
        if one is None or heap is None or heap.graph.is_root(one.node):
            return ""
        return heap.key(one.node)

    def noted(self) -> tuple[str, str] | None:
        """The object under the cursor."""
        one, heap = self._one, self._table.heap
        if one is None or heap is None or heap.graph.is_root(one.node):
            return None
        return heap.key(one.node), name(one.name or one.type)

    def place(self) -> dict[str, Any]:
        """Grouping and selection."""
        return {"grouped": self._table.is_grouped, "filter": self._table.text}

    def restore(self, place: dict[str, Any]) -> None:
        """Back to it."""
        self._table.is_grouped = place.get("grouped") is not False
        text = place.get("filter")
        if isinstance(text, str) and text.isprintable() and text:
            field = self.query_one(Input)
            field.add_class("-open")
            field.value = text
