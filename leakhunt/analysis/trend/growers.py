"""Paths below which there is more in every snapshot than in the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.trend.alignment import Alignment
from leakhunt.store.columns import I64

Mask = npt.NDArray[np.bool_]
Steps = Sequence[tuple[int, int]]
"""Pairs of snapshots that follow each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Grower:
    """One accumulation point, as rows of an alignment."""

    row: int
    """The holder."""
    unit: str
    values: I64
    """(snapshots,) in the unit."""
    bytes: I64
    """(snapshots,) shallow bytes of the holder and of all that hangs below what grows."""
    below: I64
    """Rows that grow below it, or the holder itself when nothing does."""


def rising(values: I64, steps: Steps, least: int) -> Mask:
    """(rows,) more in every step, and by at least ``least`` in all.  O(snapshots * rows)."""
    mask = np.ones(values.shape[1], np.bool_)
    total = np.zeros(values.shape[1], np.int64)
    for before, after in steps:
        gain = values[after] - values[before]
        mask &= gain > 0
        total += gain
    result: Mask = mask & (total >= least)
    return result


def find_growers(
    alignment: Alignment, steps: Steps, *, least: int, least_bytes: int
) -> list[Grower]:
    """The topmost growers: what hangs below another grower is part of it.

    A path grows when it has more objects, else more entries, else more bytes in every step.
    O(snapshots * rows) a level of depth.
    """
    finder = _Finder(alignment, steps, least, least_bytes)
    return finder.find()


class _Finder:
    def __init__(self, alignment: Alignment, steps: Steps, least: int, least_bytes: int) -> None:
        self.alignment = alignment
        self.objects = rising(alignment.objects, steps, least)
        self.entries = rising(alignment.entries, steps, least)
        self.bytes = rising(alignment.bytes, steps, least_bytes)
        self.top = self._topmost()

    def find(self) -> list[Grower]:
        a = self.alignment
        below_bytes = a.below(a.bytes)
        is_covered = self.top >= 0
        heads = np.flatnonzero(self.objects & (self.top == np.arange(len(self.top))))
        rows_by_holder: dict[int, list[int]] = {}
        for head in heads.tolist():
            above = int(a.parent[head])
            rows_by_holder.setdefault(head if above < 0 else above, []).append(head)
        alone = np.flatnonzero((self.entries | self.bytes) & ~is_covered)
        for row in alone.tolist():
            rows_by_holder.setdefault(row, [])
        return [self._grower(row, rows, below_bytes) for row, rows in rows_by_holder.items()]

    def _topmost(self) -> I64:
        """(rows,) the topmost row above (or at) each row whose objects grow, -1 for none."""
        a = self.alignment
        own = np.where(self.objects, np.arange(len(a.parent)), -1)
        for rows in a.levels()[1:]:
            above = own[a.parent[rows]]
            own[rows] = np.where(above >= 0, above, own[rows])
        return own

    def _grower(self, row: int, heads: list[int], below_bytes: I64) -> Grower:
        a = self.alignment
        inner = [head for head in heads if head != row]
        size = a.bytes[:, row] + below_bytes[:, inner].sum(axis=1)
        if row in heads:
            size = below_bytes[:, row]
        if self.entries[row] and row not in heads:
            unit, values = "entries", a.entries[:, row]
        elif heads:
            unit, values = "objects", a.objects[:, heads].sum(axis=1)
        else:
            unit, values = "bytes", a.bytes[:, row]
        rows = np.flatnonzero(np.isin(self.top, heads)) if heads else np.array([row])
        return Grower(row, unit, values, size, rows)
