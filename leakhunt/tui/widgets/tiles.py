"""A treemap on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from leakhunt.report.escape import ELLIPSIS
from leakhunt.tui.model.treemap import Tile, treemap
from leakhunt.tui.widgets.inked import Inked
from leakhunt.tui.widgets.words import padded

_INKS: Final = ("part-1", "part-5", "part-4", "part-3")
_REST: Final = "part-8"
_SIGN: Final = "▸"
_DICT: Final = ".__dict__"
_LEAST: Final = 4
"""Cells that the cut end of a name needs to say something."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a tile says, already escaped; its first line is kept longest."""

    weight: float
    title: str
    amounts: Sequence[str]
    """The same in fewer and fewer letters."""
    is_rest: bool = False
    """Everything that has no tile of its own."""


class Tiles(Inked):
    """Rectangles by weight; one of them is the current one."""

    class Chosen(Message):
        """A tile was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._items: Sequence[Weighed] = ()
        self._tiles: tuple[Tile, ...] = ()
        self._current = -1

    def show(self, items: Sequence[Weighed]) -> None:
        """Other weights, in descending order but for the rest, which comes last."""
        self._items = items
        self._lay_out()

    def mark(self, index: int) -> None:
        """Another tile is the current one; -1: none."""
        if index != self._current:
            self._current = index
            self.refresh()

    def on_resize(self) -> None:
        """Lay the tiles out anew."""
        self._lay_out()

    def _lay_out(self) -> None:
        self._tiles = treemap(
            [item.weight for item in self._items], self.size.width, self.size.height
        )
        self.refresh()

    def notify_style_update(self) -> None:
        """Another theme: draw again."""
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The parts of all tiles that cross a line."""
        here = sorted((t for t in self._tiles if t.y <= y < t.y + t.height), key=lambda t: t.x)
        segments = [Segment(self._text(tile, y), self._style(tile)) for tile in here]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _text(self, tile: Tile, y: int) -> str:
        """The title, below it the amount; a blank at the right keeps tiles apart."""
        item, width = self._items[tile.index], max(tile.width - 2, 0)
        line = y - tile.y
        text = ""
        if line == 0:
            text = _tail(item.title, width)
        elif line == 1:
            text = next((amount for amount in item.amounts if cell_len(amount) <= width), "")
        sign = _SIGN if line == 0 and tile.index == self._current else " "
        return padded(sign + text, tile.width)

    def _style(self, tile: Tile) -> Style:
        item = self._items[tile.index]
        ink = self.ink(_REST if item.is_rest else _INKS[tile.index % len(_INKS)])
        is_current = tile.index == self._current
        colour, page = ink.color, self.rich_style.bgcolor
        if colour is None or page is None:
            return self.rich_style
        ground = _mixed(colour, page, 0.9 if is_current else 0.35)
        style = self.rich_style + Style(bgcolor=ground, bold=is_current)
        return style + Style(color=page) if is_current else style

    def on_click(self, event: events.Click) -> None:
        """A click makes a tile the current one."""
        for tile in self._tiles:
            is_in = tile.x <= event.x < tile.x + tile.width
            if is_in and tile.y <= event.y < tile.y + tile.height:
                self.post_message(self.Chosen(tile.index))


def _tail(title: str, cells: int) -> str:
    """The end of a path says more than its beginning."""
    title = title.removesuffix(_DICT)
    for text in (title, title.rpartition(".")[2]):
        if cell_len(text) <= cells:
            return text
    short = title.rpartition(".")[2]
    return ELLIPSIS + short[-(cells - 1) :] if cells >= _LEAST and short.isascii() else ""


def _mixed(colour: Color, page: Color, share: float) -> Color:
    """A colour laid over another."""
    above, below = colour.get_truecolor(), page.get_truecolor()
    return Color.from_rgb(*(b + (a - b) * share for a, b in zip(above, below, strict=True)))
