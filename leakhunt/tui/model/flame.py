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
    rows: list[list[Box]] = []
    spans = [_Span(Box(root, 0, width), 0.0, float(width))]
    while spans:
        rows.append([span.box for span in spans])
        spans = [callee for span in spans for callee in _callees(span)]
    return rows


@dataclass(frozen=True, slots=True)
class _Span:
    """A box and where it would lie if cells could be divided."""

    box: Box
    start: float
    length: float


def _callees(caller: _Span) -> list[_Span]:
    """Those that have a box, side by side within their caller's: sums of parts are not exact, so
    the rounded ends are held there."""
    found = []
    at, left = caller.start, caller.box.x
    end = caller.box.x + caller.box.width
    for call in caller.box.call.callees.values():
        part = caller.length * call.total_bytes / caller.box.call.total_bytes
        left, right = min(max(round(at), left), end), min(round(at + part), end)
        if part >= 0.5 and right > left:
            found.append(_Span(Box(call, left, right - left), at, part))
            left = right
        at += part
    return found


def find_row(rows: Sequence[Sequence[Box]], call: Call) -> tuple[int, int] | None:
    """Line and position of a call's box; None when it has none."""
    for y, boxes in enumerate(rows):
        for i, box in enumerate(boxes):
            if box.call is call:
                return y, i
    return None
