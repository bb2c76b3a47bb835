"""A flame graph in the terminal."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from leakhunt.analysis.call_tree import Call
from leakhunt.analysis.sites import is_own_code
from leakhunt.report import units
from leakhunt.tui.model.flame import Box, find_row, flame_rows
from leakhunt.tui.widgets.inked import Inked
from leakhunt.tui.widgets.words import name, padded

_ALL = "all"


class FlameGraph(Inked, can_focus=True):
    """Callers above callees, widths by bytes; the arrows walk it, Enter widens a call."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1, 0)", "caller", show=False),
        Binding("down,j", "step(1, 0)", "callee", show=False),
        Binding("left", "step(0, -1)", "left", show=False),
        Binding("right", "step(0, 1)", "right", show=False),
        Binding("home", "widen_root", "all", show=False),
        Binding("enter", "widen", "widen", key_display="Enter"),
    ]

    class Moved(Message):
        """Another call is the current one."""

        def __init__(self, call: Call) -> None:
            super().__init__()
            self.call = call

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._root: Call | None = None
        self._wide: list[Call] = []
        """Calls that were widened, the one that is drawn last."""
        self._rows: list[list[Box]] = []
        self._at = (0, 0)
        self._top = 0

    def show(self, root: Call) -> None:
        """Draw another tree."""
        self._root, self._wide, self._at, self._top = root, [root], (0, 0), 0
        self._lay_out()

    def clear(self) -> None:
        """Draw nothing."""
        self._root, self._wide, self._at, self._top = None, [], (0, 0), 0
        self._lay_out()

    @property
    def current(self) -> Call | None:
        """The call that the cursor is on."""
        y, i = self._at
        return self._rows[y][i].call if y < len(self._rows) else None

    def on_resize(self) -> None:
        """Widths change."""
        self._lay_out()

    def notify_style_update(self) -> None:
        """Another theme: draw again."""
        super().notify_style_update()
        self.refresh()

    def _lay_out(self) -> None:
        before = self.current
        self._rows = flame_rows(self._wide[-1], self.size.width) if self._wide else []
        at = find_row(self._rows, before) if before is not None else None
        self._go(*(at or (0, 0)))

    def _go(self, y: int, i: int) -> None:
        self._at = (y, i)
        height = max(self.size.height, 1)
        self._top = min(max(self._top, y - height + 1), y)
        self.refresh()
        if self.current is not None:
            self.post_message(self.Moved(self.current))

    # ---- walking ----

    def action_step(self, down: int, right: int) -> None:
        """To a caller, a callee or a neighbour."""
        if not self._rows:
            return
        y, i = self._at
        if right:
            self._go(y, min(max(i + right, 0), len(self._rows[y]) - 1))
            return
        target = y + down
        if not 0 <= target < len(self._rows):
            return
        here = self._rows[y][i]
        middle = here.x if down > 0 else here.x + here.width / 2
        for j, box in enumerate(self._rows[target]):
            if box.x <= middle < box.x + box.width or (down > 0 and self._is_below(box, here)):
                self._go(target, j)
                return

    @staticmethod
    def _is_below(box: Box, here: Box) -> bool:
        return any(call is box.call for call in here.call.callees.values())

    def action_widen(self) -> None:
        """The current call as wide as the screen."""
        call = self.current
        if call is not None and call is not self._wide[-1]:
            self._wide.append(call)
            self._top = 0
            self._lay_out()

    def narrow(self) -> bool:
        """The call before again; False when everything is shown."""
        if len(self._wide) < 2:
            return False
        self._wide.pop()
        self._lay_out()
        return True

    def action_widen_root(self) -> None:
        """Everything again."""
        while self.narrow():
            pass

    def on_click(self, event: events.Click) -> None:
        """A click goes there, on the current call it widens it."""
        y = event.y + self._top
        if y >= len(self._rows):
            return
        for i, box in enumerate(self._rows[y]):
            if box.x <= event.x < box.x + box.width:
                if (y, i) == self._at:
                    self.action_widen()
                else:
                    self._go(y, i)
                return

    # ---- drawing ----

    def render_line(self, y: int) -> Strip:
        """One level of calls."""
        base, width, row = self.rich_style, self.size.width, y + self._top
        if row >= len(self._rows):
            return Strip.blank(width, base)
        segments, at = [], 0
        for i, box in enumerate(self._rows[row]):
            if box.x > at:
                segments.append(Segment(" " * (box.x - at), base))
            style = self._style(box, is_current=(row, i) == self._at)
            segments.append(Segment(padded(self._text(box), box.width - 1), style))
            segments.append(Segment("▏" if box.width > 1 else " ", style))
            at = box.x + box.width
        return Strip(segments).adjust_cell_length(width, base)

    def _text(self, box: Box) -> str:
        frame, size = box.call.frame, units.size(round(box.call.total_bytes))
        if frame is None:
            return f" {_ALL} {size}"
        line = "" if frame.line is None else f":{frame.line}"
        file = frame.file.rpartition("/")[2]
        short = name(frame.function, 80)
        whole = f" {short} {name(file, 60)}{line} {size}"
        for text in (whole, f" {short} {size}", f" {short}"):
            if len(text) <= box.width - 1:
                return text
        return f" {short.rpartition('.')[2]}"

    def _style(self, box: Box, *, is_current: bool) -> Style:
        frame = box.call.frame
        ink = "flame-all" if frame is None else "flame" if is_own_code(frame.file) else "flame-lib"
        style = self.rich_style + self.ink(ink)
        return style + self.ink("flame-current") if is_current else style
