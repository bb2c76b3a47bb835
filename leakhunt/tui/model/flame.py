"""Boxes of a flame graph that hangs from its root: callers above callees, widths by bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leakhunt.analysis.call_tree import Call


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """One call, in cells of its line."""

    call: Call
    x: int
    width: int


def flame_rows(root: Call, width: int) -> list[list[Box]]:
    """Lines of boxes, the root's first; calls narrower than half a cell are left out.

    O(boxes shown): a call that has no box has none below it either.
    """
    if width < 1 or root.total_bytes <= 0:
        return []
    rows = [[Box(root, 0, width)]]
    spans = [(root, 0.0, float(width))]
    while spans:
        below: list[tuple[Call, float, float]] = []
        for call, start, length in spans:
            at = start
            for callee in call.callees.values():
                part = length * callee.total_bytes / call.total_bytes
                if part >= 0.5:
                    below.append((callee, at, part))
                at += part
        boxes = [_box(call, start, length) for call, start, length in below]
        boxes = [box for box in boxes if box.width]
        if boxes:
            rows.append(boxes)
        spans = below
    return rows


def _box(call: Call, start: float, length: float) -> Box:
    left, right = round(start), round(start + length)
    return Box(call, left, right - left)


def find_row(rows: Sequence[Sequence[Box]], call: Call) -> tuple[int, int] | None:
    """Line and position of a call's box; None when it has none."""
    for y, boxes in enumerate(rows):
        for i, box in enumerate(boxes):
            if box.call is call:
                return y, i
    return None
