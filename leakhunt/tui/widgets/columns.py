"""Columns of a list: which are shown in a width, and how a line is made of cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from leakhunt.tui.widgets.words import Cell, Span, cut, fit, padded

_GAP = 1
_LEAST_ASIDE = 12
"""Cells that what stands behind the name needs to say something."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    title: str
    width: int = 0
    """Cells; 0 for the one column that takes what is left."""
    is_right: bool = False
    key: str = ""
    """What sorting by it is called; empty when it cannot be sorted by."""
    keep: int = 9
    """Columns of a low number leave first when it gets narrow."""
    least: int = 16
    """Cells the flexible column must have before others leave."""
    is_prose: bool = False
    """Sentences, cut at their end; of a path the middle says least."""


def layout(columns: Sequence[Column], width: int) -> dict[int, int]:
    """Width of each column that is shown, by its position.  O(columns²)."""
    shown = list(range(len(columns)))

    def rest() -> int:
        used = sum(columns[i].width + _GAP for i in shown if columns[i].width)
        return width - 1 - used - _GAP

    least = max((column.least for column in columns if not column.width), default=0)
    while rest() < least and len(shown) > 1:
        droppable = [i for i in shown if columns[i].width and columns[i].keep < 9]
        if not droppable:
            break
        shown.remove(min(droppable, key=lambda i: (columns[i].keep, -i)))
    left = max(rest(), 1)
    return {i: columns[i].width or left for i in shown}


def line(
    cells: Sequence[Cell],
    columns: Sequence[Column],
    widths: dict[int, int],
    ink: Callable[[str], Style],
    base: Style,
) -> list[Segment]:
    """Segments of one line, each column in its width."""
    segments = [Segment(" ", base)]
    for i, width in widths.items():
        cell = cells[i] if i < len(cells) else ""
        if isinstance(cell, list):
            segments += _spans(cell, width, ink, base)
        else:
            text, name = (cell, "") if isinstance(cell, str) else cell
            text = cut(text, width) if columns[i].is_prose else text
            style = base + ink(name) if name else base
            segments.append(Segment(padded(text, width, is_right=columns[i].is_right), style))
        segments.append(Segment(" " * _GAP, base))
    return segments


def _spans(
    spans: Sequence[Span], width: int, ink: Callable[[str], Style], base: Style
) -> list[Segment]:
    """Several inks in one column: what does not fit is cut, an aside behind two blanks left out."""
    segments: list[Segment] = []
    for text, name in spans:
        shown = fit(text, width)
        if shown != text and segments and text.startswith("  ") and width < _LEAST_ASIDE:
            break
        width -= cell_len(shown)
        segments.append(Segment(shown, base + ink(name) if name else base))
        if width <= 0:
            break
    segments.append(Segment(" " * max(width, 0), base))
    return segments
