"""Growth: types and what became of them; below a type, its instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, Static

from leakhunt.analysis.results import GrowthRow
from leakhunt.hunt.free_memory import trim
from leakhunt.report import units
from leakhunt.report.model import Report
from leakhunt.tui import keys, messages
from leakhunt.tui.model.growth import GrowthTable, rows_of_heap
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.model.instances import SORTS, Instances
from leakhunt.tui.screens.noting import Noting
from leakhunt.tui.screens.view import View
from leakhunt.tui.screens.workers import careful
from leakhunt.tui.widgets.columns import Column
from leakhunt.tui.widgets.lines import Lines
from leakhunt.tui.widgets.rows import RowList, TextRows
from leakhunt.tui.widgets.words import Cell, name

_WIDE: Final = 9
_TYPES = (
    Column("type", key="type", least=26),
    Column("baseline", _WIDE, is_right=True, key="baseline", keep=7),
    Column("loaded", _WIDE, is_right=True, key="loaded", keep=5),
    Column("final", _WIDE, is_right=True, key="final"),
    Column("change", _WIDE, is_right=True, key="delta"),
    Column("born", 7, is_right=True, key="born", keep=6),
    Column("resized", _WIDE, is_right=True, key="resized", keep=4),
    Column("departed", _WIDE, is_right=True, key="departed", keep=3),
    Column("transient", 10, is_right=True, key="transient", keep=2),
)
_OF_TYPES: Final = ("filter", "group", "unit")
_ALONE = (
    Column("type", key="type", least=26),
    Column("objects", 10, is_right=True, key="count_final"),
    Column("bytes", 10, is_right=True, key="bytes_final"),
)
_INSTANCES = (
    Column("", 1),
    Column("address", 14, key="address", keep=2),
    Column("size", _WIDE, is_right=True, key="size"),
    Column("retained", 10, is_right=True, key="retained"),
    Column("entries", 7, is_right=True, keep=3),
    Column("born", 14, key="age", keep=1),
    Column("value, path", least=32),
)


class _Types:
    """Types as rows."""

    def __init__(self, table: GrowthTable, *, is_alone: bool) -> None:
        self.table, self._is_alone = table, is_alone
        self._number = units.short_size if table.unit == "bytes" else units.short_count
        self._amounts = [table.amount(column.key) for column in _TYPES[1:5]]

    def __len__(self) -> int:
        return len(self.table.shown)

    def cells(self, index: int) -> Sequence[Cell]:
        row = self.table.shown[index]
        if self._is_alone:
            return name(row.type), units.count(row.count_final), units.size(row.bytes_final)
        before, loaded, final, delta = (amount(row) for amount in self._amounts)
        ink = "less" if delta < 0 else "strong" if delta > 0 else "quiet"
        return (
            name(row.type),
            self._some(before),
            self._some(loaded),
            self._some(final),
            (self._number(delta, signed=True), ink),
            _some(row.born),
            _resized(row.resized_bytes),
            _some(row.departed),
            _some(row.transient),
        )

    def _some(self, value: int) -> Cell:
        return self._number(value) if value else ("·", "quiet")


def _some(value: int) -> Cell:
    return units.short_count(value) if value else ("·", "quiet")


def _resized(value: int) -> Cell:
    return units.short_size(value, signed=True) if value else ("·", "quiet")


class GrowthView(Noting, View):
    """Types, and below them instances."""

    NAME = "growth"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings(
        "+filter", "+sort", "reverse", "+group", "unit", "walk", "copy", "mark", "note"
    )

    def __init__(self) -> None:
        super().__init__()
        self._table = GrowthTable()
        self._instances_of = ""
        self._order = ("retained", True)
        self._is_alone = False

    def body(self) -> ComposeResult:
        """A caption, the filter, and the two lists."""
        yield Lines(id="growth-caption", classes="caption")
        yield Input(placeholder="filter", id="growth-filter", classes="filter", compact=True)
        yield RowList(_TYPES, id="types")
        yield RowList(_INSTANCES, id="instances")

    def begin(self) -> None:
        """Types first."""
        self.query_one("#instances").display = False
        super().begin()
        self._types.focus()

    @property
    def _types(self) -> RowList:
        return self.query_one("#types", RowList)

    @property
    def _instances(self) -> RowList:
        return self.query_one("#instances", RowList)

    @property
    def _rows(self) -> Instances | None:
        source = self._instances.source
        return source if isinstance(source, Instances) else None

    # ---- what there is ----

    def show_report(self, report: Report | None) -> None:
        """The types of the report."""
        if report is not None:
            self._fill(report.growth)

    def show_heap(self, heap: HeapView | None) -> None:
        """Of a single snapshot, the types it has."""
        if heap is None:
            self._instances.show(TextRows())
            return
        if self.case.report is None and self.case.make_report is None:
            self._is_alone = True
            self._types.set_columns(_ALONE)
            self._table.sort = "bytes_final"
            self._count_types(heap)
        if self._instances_of:
            self.open_type(self._instances_of)

    @work(thread=True, exclusive=True, group="types")
    @careful
    def _count_types(self, heap: HeapView) -> None:
        self.own.from_worker(self._fill, rows_of_heap(heap.graph))

    def _fill(self, rows: Sequence[GrowthRow]) -> None:
        self._table.rows = rows
        self._arrange(cursor=self._types.cursor)

    def _arrange(self, *, cursor: int = 0) -> None:
        table = self._table
        table.arrange()
        self._types.sorted_by = (table.sort, table.is_descending)
        self._types.show(_Types(table, is_alone=self._is_alone), cursor=cursor)
        self._caption()

    def _caption(self) -> None:
        line = self.query_one("#growth-caption", Static)
        if self._instances.display:
            rows = self._rows
            count = "…" if rows is None else units.plural(len(rows), "object")
            line.update(f"{name(self._instances_of)}: {count}" + " in final" * (not self._is_alone))
            return
        table = self._table
        what = "modules" if table.is_grouped else "types"
        text = f"{len(table.shown):,} of {len(table.rows):,} types" if table.text else ""
        text = text or f"{len(table.shown):,} {what}"
        line.update(f"{text}, in {'bytes' if table.unit == 'bytes' else 'objects'}")

    # ---- order and selection ----

    def on_row_list_sort_asked(self, message: RowList.SortAsked) -> None:
        """A heading was clicked."""
        self._sort(message.key)

    def action_sort_next(self) -> None:
        """By the next column that is shown."""
        rows = self._instances if self._instances.display else self._types
        known = [column.key for column in rows.shown_columns() if column.key]
        if len(self.case.files) < 2:
            known = [key for key in known if key != "age"]
        at = known.index(rows.sorted_by[0]) if rows.sorted_by[0] in known else -1
        self._sort(known[(at + 1) % len(known)])

    def action_sort_reverse(self) -> None:
        """The other way round."""
        rows = self._instances if self._instances.display else self._types
        self._sort(rows.sorted_by[0])

    def _sort(self, key: str) -> None:
        if self._instances.display:
            if key not in SORTS:
                return
            is_same = key == self._order[0]
            self._order = (key, not self._order[1] if is_same else key != "address")
            self._load_instances(self._instances_of)
            return
        table = self._table
        if key == table.sort:
            table.is_descending = not table.is_descending
        else:
            table.sort, table.is_descending = key, key != "type"
        self._arrange()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Instances are neither filtered nor grouped."""
        if action in _OF_TYPES and self.is_mounted and self._instances.display:
            return False
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        """Type to select."""
        if not self._instances.display:
            field = self.query_one("#growth-filter", Input)
            field.add_class("-open")
            self.set_focus(field)

    @on(Input.Changed, "#growth-filter")
    def _filtered(self, event: Input.Changed) -> None:
        self._table.text = event.value
        self._arrange()

    @on(Input.Submitted, "#growth-filter")
    def _filter_done(self) -> None:
        self._types.focus()

    def action_group(self) -> None:
        """By module, or each type by itself."""
        if not self._instances.display:
            self._table.is_grouped = not self._table.is_grouped
            self._arrange()

    def action_unit(self) -> None:
        """Bytes or objects."""
        if not self._instances.display:
            self._table.unit = "count" if self._table.unit == "bytes" else "bytes"
            self._arrange(cursor=self._types.cursor)

    def close(self) -> None:
        """Esc: from the instances to the types; else empty the filter."""
        field = self.query_one("#growth-filter", Input)
        if self._instances.display:
            self.go_back()
        elif field.has_class("-open"):
            field.value = ""
            field.remove_class("-open")
            self._types.focus()

    # ---- instances ----

    def on_row_list_opened(self, message: RowList.Opened) -> None:
        """Enter or a click."""
        if message.rows is self._instances:
            self.action_walk()
        else:
            self._open_row()

    def _open_row(self) -> None:
        """The instances of a type; the types of a module."""
        row = self._row
        if row is None:
            return
        if self._table.is_grouped:
            self._table.is_grouped = False
            field = self.query_one("#growth-filter", Input)
            field.add_class("-open")
            field.value = f"{row.type}."
        else:
            self.open_type(row.type)

    @property
    def _row(self) -> GrowthRow | None:
        shown, at = self._table.shown, self._types.cursor
        return shown[at] if at < len(shown) else None

    def open_type(self, type_name: str) -> None:
        """List its instances."""
        self._instances_of = type_name
        self._types.display, self._instances.display = False, True
        self._instances.focus()
        self._caption()
        if self.own.heap is not None:
            self._load_instances(type_name)

    @work(thread=True, exclusive=True, group="instances")
    @careful
    def _load_instances(self, type_name: str) -> None:
        """Find and sort them: a million take a moment."""
        heap = self.own.heap
        if heap is None:
            return
        key, is_descending = order = self._order
        if key == "age":
            self.case.open_ages(self.own.tell)
        nodes = heap.of_type(type_name)
        marks = self.case.notebook.marks
        rows = Instances(heap, nodes, marks).sorted(key, is_descending=is_descending)
        self.own.from_worker(self._show_instances, type_name, order, rows)
        trim()

    def _show_instances(self, type_name: str, order: tuple[str, bool], rows: Instances) -> None:
        wanted = (self._instances_of, self._order, self.own.heap)
        if (type_name, order, rows.heap) != wanted:
            return  # the person went on: another worker brings what they want now
        self._instances.sorted_by = order
        self._instances.show(rows)
        self._caption()
        if len(self.case.files) > 1 and not rows.heap.ages.is_known:
            self._open_ages()

    @work(thread=True, exclusive=True, group="ages")
    @careful
    def _open_ages(self) -> None:
        self.case.open_ages(self.own.tell)
        self.own.from_worker(self.renote)

    def go_back(self) -> bool:
        """From instances to types."""
        if not self._instances.display:
            return False
        self._instances_of = ""
        self._instances.display, self._types.display = False, True
        self._types.focus()
        self._caption()
        return True

    # ---- the row under the cursor ----

    @property
    def _node(self) -> int | None:
        rows, at = self._rows, self._instances.cursor
        if not self._instances.display or rows is None or at >= len(rows):
            return None
        return int(rows.nodes[at])

    def action_walk(self) -> None:
        """The chain of an instance."""
        if self._node is not None:
            self.post_message(messages.OpenNode(self._node))

    def action_copy(self) -> None:
        """The path of an instance, the name of a type."""
        heap, row = self.own.heap, self._row
        if self._node is not None and heap is not None:
            self.post_message(messages.Copy(heap.path(self._node)))
        elif row is not None:
            self.post_message(messages.Copy(row.type))

    def noted(self) -> tuple[str, str] | None:
        """An instance, or a type."""
        heap, row = self.own.heap, self._row
        if self._node is not None and heap is not None:
            return heap.key(self._node), heap.path(self._node)
        return None if row is None else (row.type, row.type)

    def renote(self) -> None:
        """Show the marks."""
        rows = self._rows
        if rows is not None:
            self._instances.show(rows.again(), cursor=self._instances.cursor)

    # ---- the place ----

    def place(self) -> dict[str, Any]:
        """Order, selection, and what is listed."""
        table = self._table
        return {
            "sort": table.sort, "descending": table.is_descending, "unit": table.unit,
            "grouped": table.is_grouped, "filter": table.text, "type": self._instances_of,
            "cursor": self._types.cursor,
        }  # fmt: skip

    def restore(self, place: dict[str, Any]) -> None:
        """Back to it."""
        table = self._table
        known = {column.key for column in self._types.columns if column.key}
        if place.get("sort") in list(known):
            table.sort, table.is_descending = place["sort"], bool(place.get("descending"))
        if place.get("unit") in ("bytes", "count"):
            table.unit = place["unit"]
        table.is_grouped = bool(place.get("grouped"))
        text = place.get("filter")
        if isinstance(text, str) and text.isprintable() and text:
            field = self.query_one("#growth-filter", Input)
            field.add_class("-open")
            field.value = table.text = text
        cursor = place.get("cursor")
        self._arrange(cursor=cursor if isinstance(cursor, int) else 0)
        if isinstance(place.get("type"), str) and place["type"]:
            self.open_type(place["type"])
