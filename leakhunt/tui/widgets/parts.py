"""What a whole consists of: one bar, and a word for each of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.segment import Segment
from textual.strip import Strip

from leakhunt.report import units
from leakhunt.tui.widgets.inked import Inked
from leakhunt.tui.widgets.words import padded

_BLOCK: Final = "█"
_SQUARE: Final = "■"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the whole."""

    title: str
    bytes: int
    ink: str
    change_bytes: int | None = None


class PartsBar(Inked):
    """A stacked bar, below it a line for each part with its bytes and its change."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._heading = ""
        self._parts: Sequence[Part] = ()

    def show(self, heading: str, parts: Sequence[Part]) -> None:
        """Show a heading and the parts that are more than nothing, in their order."""
        self._heading, self._parts = heading, [part for part in parts if part.bytes > 0]
        self.refresh()

    def notify_style_update(self) -> None:
        """Another theme: draw again."""
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The heading, the bar, then the parts."""
        width, base = self.size.width, self.rich_style
        if y == 0:
            text = padded(f" {self._heading}", width)
            return Strip([Segment(text, base + self.ink("quiet"))])
        if y == 1:
            return self._bar(width)
        at = y - 2
        room = self.size.height - 2
        shown = sorted(self._parts, key=lambda part: -part.bytes)[:room]
        kept = [part for part in self._parts if part in shown]
        if at >= len(kept):
            return Strip.blank(width, base)
        return self._legend(kept[at], width)

    def _bar(self, width: int) -> Strip:
        base, room = self.rich_style, max(width - 2, 1)
        segments, at, total = [Segment(" ", base)], 0.0, sum(part.bytes for part in self._parts)
        done = 0
        for part in self._parts:
            at += part.bytes / max(total, 1) * room
            cells = round(at) - done
            done += cells
            segments.append(Segment(_BLOCK * cells, base + self.ink(part.ink)))
        return Strip(segments).adjust_cell_length(width, base)

    def _legend(self, part: Part, width: int) -> Strip:
        base = self.rich_style
        change = "" if not part.change_bytes else units.size(part.change_bytes, signed=True)
        segments = [
            Segment(f" {_SQUARE} ", base + self.ink(part.ink)),
            Segment(padded(part.title, min(16, max(width - 28, 6))), base),
            Segment(padded(units.size(part.bytes), 11, is_right=True), base + self.ink("strong")),
            Segment(padded(change, 12, is_right=True), base + self.ink("quiet")),
        ]
        return Strip(segments).adjust_cell_length(width, base)
