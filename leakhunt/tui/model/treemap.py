"""A treemap: rectangles whose areas are shares, as square as they can be.

The squarified layout of Bruls, Huizing and van Wijk (Squarified Treemaps, 2000), in character
cells, which are about twice as high as wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_NOTHING: Final = 1e-6
"""Room that rounding left over."""
_ASPECT: Final = 2.0
"""Height of a cell by its width."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One rectangle, in cells."""

    index: int
    """Of the weight that it stands for."""
    x: int
    y: int
    width: int
    height: int


_Box = tuple[int, float, float, float, float]
"""Index, left, top, width and height."""


@dataclass(slots=True)
class _Room:
    """What is still free, in units of which a cell is 1 wide and ``_ASPECT`` high."""

    x: float
    y: float
    width: float
    height: float


def treemap(weights: Sequence[float], width: int, height: int) -> tuple[Tile, ...]:
    """Tiles for weights that descend; together they cover ``width`` by ``height`` cells without
    overlap.  Weights too small for a cell get none.  O(n) for what is drawn.
    """
    total = sum(weights)
    if width < 1 or height < 1 or total <= 0:
        return ()
    room = _Room(0.0, 0.0, float(width), height * _ASPECT)
    scale = room.width * room.height / total
    areas = [weight * scale for weight in weights]
    boxes: list[_Box] = []
    start = 0
    while start < len(areas) and areas[start] > 0 and min(room.width, room.height) > _NOTHING:
        end = _row_end(areas, start, min(room.width, room.height))
        boxes += _place(areas, start, end, room)
        start = end
    tiles = (_in_cells(box, width, height) for box in boxes)
    return tuple(tile for tile in tiles if tile.width and tile.height)


def _row_end(areas: Sequence[float], start: int, side: float) -> int:
    """How many of the next areas make the squarest row along a side."""
    end, total, best = start, 0.0, float("inf")
    while end < len(areas) and areas[end] > 0:
        total += areas[end]
        worst = _worst(areas[start], areas[end], total, side)
        if worst > best:
            break
        best, end = worst, end + 1
    return max(end, start + 1)


def _worst(largest: float, smallest: float, total: float, side: float) -> float:
    """The least square of a row's rectangles, as long by short side."""
    square = (total / side) ** 2 if side else 0.0
    return max(largest / square, square / smallest) if square else float("inf")


def _place(areas: Sequence[float], start: int, end: int, room: _Room) -> list[_Box]:
    """Boxes of a row along the shorter side, which is taken off the room."""
    total = sum(areas[start:end])
    boxes = []
    if room.width >= room.height:
        depth = total / room.height
        at = room.y
        for index in range(start, end):
            length = areas[index] / depth if depth else 0.0
            boxes.append((index, room.x, at, depth, length))
            at += length
        room.x, room.width = room.x + depth, max(room.width - depth, 0.0)
    else:
        depth = total / room.width
        at = room.x
        for index in range(start, end):
            length = areas[index] / depth if depth else 0.0
            boxes.append((index, at, room.y, length, depth))
            at += length
        room.y, room.height = room.y + depth, max(room.height - depth, 0.0)
    return boxes


def _in_cells(box: _Box, width: int, height: int) -> Tile:
    """Rounded at its borders, so that neighbours meet."""
    index, x, y, w, h = box
    left, right = (min(round(value), width) for value in (x, x + w))
    top, bottom = (min(round(value / _ASPECT), height) for value in (y, y + h))
    return Tile(index, left, top, right - left, bottom - top)
