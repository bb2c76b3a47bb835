"""A list that holds millions of rows: only what is on the screen is ever made.

Textual's DataTable keeps a row object each; here a source answers for the rows that are seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from leakhunt.tui.widgets.columns import Column, layout, line
from leakhunt.tui.widgets.inked import InkedScroll
from leakhunt.tui.widgets.words import Cell


class Rows(Protocol):
    """Where a list has its rows from.  Both must answer in microseconds."""

    def __len__(self) -> int:
        """How many rows there are."""
        ...

    def cells(self, index: int) -> Sequence[Cell]:
        """One row: a cell for each column, already escaped."""
        ...


class TextRows:
    """Rows that are there already."""

    def __init__(self, rows: Sequence[Sequence[Cell]] = ()) -> None:
        self._rows = rows

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def cells(self, index: int) -> Sequence[Cell]:
        """One row."""
        return self._rows[index]


class RowList(InkedScroll):
    """A list with a heading, a cursor and as many rows as you like."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home", "edge(False)", "first", show=False),
        Binding("end", "edge(True)", "last", show=False),
        Binding("enter", "choose", "open", key_display="Enter"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)
    """The row that keys are about."""

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, rows: RowList, index: int) -> None:
            super().__init__()
            self.rows, self.index = rows, index

        @property
        def control(self) -> RowList:
            """The list."""
            return self.rows

    class Opened(Moved):
        """A row was chosen by Enter or by a click on the cursor."""

    class SortAsked(Message):
        """A heading was clicked."""

        def __init__(self, rows: RowList, key: str) -> None:
            super().__init__()
            self.rows, self.key = rows, key

        @property
        def control(self) -> RowList:
            """The list."""
            return self.rows

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        id: str | None = None,  # noqa: A002
        is_opened: bool = True,
    ) -> None:
        """``is_opened``: can a row be chosen?"""
        super().__init__(id=id)
        self._is_opened = is_opened
        self.columns = tuple(columns)
        self.source: Rows = TextRows()
        self.sorted_by: tuple[str, bool] = ("", False)
        """Key of the column it is sorted by, and whether descending."""
        self._widths: dict[int, int] = {}
        self._width = 0
        self._header = int(any(column.title for column in columns))

    # ---- what is shown ----

    def show(self, source: Rows, *, cursor: int = 0) -> None:
        """Other rows, the cursor on one of them.  O(1)."""
        self.source = source
        self.virtual_size = Size(0, len(source) + self._header)
        before = self.cursor
        self.cursor = min(max(cursor, 0), max(len(source) - 1, 0))
        self._reveal()
        self.refresh()
        if before == self.cursor and len(source):
            self.post_message(self.Moved(self, self.cursor))

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Other columns."""
        self.columns = tuple(columns)
        self._width = 0
        self.refresh()

    def shown_columns(self) -> list[Column]:
        """Those there is room for."""
        return [self.columns[i] for i in layout(self.columns, self.size.width)]

    def on_resize(self) -> None:
        """The cursor stays in sight."""
        self.virtual_size = Size(0, len(self.source) + self._header)
        self._reveal()

    def notify_style_update(self) -> None:
        """Another theme: draw again."""
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the screen.  O(width)."""
        width = self.scrollable_content_region.width
        if width != self._width:
            self._width, self._widths = width, layout(self.columns, width)
        if y < self._header:
            return self._heading(width)
        index = y - self._header + self.scroll_offset.y
        if index >= len(self.source):
            return Strip.blank(width, self.rich_style)
        base = self.rich_style
        if index == self.cursor:
            base += self.ink("cursor" if self.has_focus else "cursor-away")
        segments = line(self.source.cells(index), self.columns, self._widths, self.ink, base)
        return Strip(segments).adjust_cell_length(width, base)

    def _heading(self, width: int) -> Strip:
        key, is_descending = self.sorted_by
        cells: list[Cell] = []
        for column in self.columns:
            is_sorted = bool(key) and column.key == key
            arrow = ("↓" if is_descending else "↑") if is_sorted else ""
            cells.append((column.title + arrow, "head-sorted" if is_sorted else "head"))
        base: Style = self.rich_style + self.ink("head")
        segments = line(cells, self.columns, self._widths, self.ink, base)
        return Strip(segments).adjust_cell_length(width, base)

    # ---- the cursor ----

    def watch_cursor(self) -> None:
        """Show it, and tell."""
        self._reveal()
        self.refresh()
        if len(self.source):
            self.post_message(self.Moved(self, self.cursor))

    def _reveal(self) -> None:
        page, top = self._page, self.scroll_offset.y
        if page < 1:  # not laid out yet
            return
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + page:
            self.scroll_to(y=self.cursor - page + 1, animate=False, force=True)

    @property
    def _page(self) -> int:
        return self.size.height - self._header

    def _go(self, index: int) -> None:
        self.cursor = min(max(index, 0), max(len(self.source) - 1, 0))

    def action_move(self, by: int) -> None:
        """Some rows down."""
        self._go(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Some pages down."""
        self._go(self.cursor + by * max(self._page - 1, 1))

    def action_edge(self, is_last: bool) -> None:
        """To the first or the last row."""
        self._go(len(self.source) - 1 if is_last else 0)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing to open, no key for it."""
        is_possible = action != "choose" or self._is_opened
        return is_possible and super().check_action(action, parameters)

    def action_choose(self) -> None:
        """Open what the cursor is on."""
        if len(self.source):
            self.post_message(self.Opened(self, self.cursor))

    def on_focus(self) -> None:
        """The cursor is brighter with the focus."""
        self.refresh()

    def on_blur(self) -> None:
        """And paler without."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there, on the cursor it opens, on a heading it sorts."""
        event.stop()
        if event.y < self._header:
            self._sort_at(event.x)
            return
        index = event.y - self._header + self.scroll_offset.y
        if index >= len(self.source):
            return
        if index == self.cursor:
            self.action_choose()
        else:
            self._go(index)

    def _sort_at(self, x: int) -> None:
        at = 1
        for i, width in self._widths.items():
            if at <= x <= at + width and self.columns[i].key:
                self.post_message(self.SortAsked(self, self.columns[i].key))
                return
            at += width + 1
