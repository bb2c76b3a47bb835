"""The line at the top: what is open, and the screens there are."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from leakhunt.tui.widgets.inked import Inked
from leakhunt.tui.widgets.words import fit


class TopBar(Inked):
    """Tabs on the left, the case on the right as far as there is room."""

    title: reactive[str] = reactive("")
    """Already escaped."""

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, tabs: Sequence[str], current: str) -> None:
        super().__init__()
        self._tabs, self._current = tuple(tabs), current
        self._spans: list[tuple[int, int, str]] = []

    def render_line(self, y: int) -> Strip:
        """The one line."""
        width, base = self.size.width, self.rich_style
        if y:
            return Strip.blank(width, base)
        segments, at = [Segment(" ", base)], 1
        self._spans = []
        for number, name in enumerate(self._tabs, 1):
            text = f" {number} {self._shown(name, width)} "
            is_current = name == self._current
            style = base + self.ink("tab" if is_current else "quiet")
            self._spans.append((at, at + len(text), name))
            segments.append(Segment(text, style))
            at += len(text)
        room = width - at - 2
        if room > 8 and self.title:
            title = fit(self.title, room)
            segments.append(Segment(" " * (width - at - cell_len(title) - 1), base))
            segments.append(Segment(title, base + self.ink("strong")))
        return Strip(segments).adjust_cell_length(width, base)

    def _shown(self, name: str, width: int) -> str:
        """Words of the tabs: shortened where they would not fit."""
        words = sum(len(tab) + 4 for tab in self._tabs) + 2
        return name if words <= width else name[:4]

    def on_click(self, event: events.Click) -> None:
        """A click on a tab goes there."""
        for start, end, name in self._spans:
            if start <= event.x < end:
                self.post_message(self.Chosen(name))
