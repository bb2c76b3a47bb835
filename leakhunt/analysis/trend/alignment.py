"""Path groups of several snapshots laid beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.trend.grouping import STAR, STAR_KEY, PathGroups
from leakhunt.analysis.trend.texts import mix
from leakhunt.store.columns import I64, U64


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Every path that any of the snapshots has; a parent stands before its children."""

    parent: I64
    """(rows,) row above, -1 at the top."""
    is_star: npt.NDArray[np.bool_]
    """(rows,) the last step of the path is ``[*]``."""
    objects: I64
    """(snapshots, rows)"""
    entries: I64
    """(snapshots, rows)"""
    bytes: I64
    """(snapshots, rows) shallow."""
    row_of_group: tuple[I64, ...]
    """For each snapshot, the row of each of its groups."""

    def below(self, values: I64) -> I64:
        """Values of each row and of all rows below it.  O(rows) a level of depth."""
        total = values.copy()
        for rows in self.levels()[::-1]:
            has_parent = rows[self.parent[rows] >= 0]
            np.add.at(total.T, self.parent[has_parent], total.T[has_parent])
        return total

    def levels(self) -> list[I64]:
        """Rows by depth, the top first."""
        depth = np.zeros(len(self.parent), np.int64)
        at = self.parent.copy()
        while (at >= 0).any():
            depth += at >= 0
            at = np.where(at >= 0, self.parent[np.maximum(at, 0)], -1)
        return [np.flatnonzero(depth == d) for d in range(int(depth.max(initial=-1)) + 1)]


def align(snapshots: Sequence[PathGroups], *, aside: frozenset[int] = frozenset()) -> Alignment:
    """Lay path groups beside each other.

    A key or an attribute keeps its name when every snapshot has it under that path; the others
    become one open entry, ``[*]``.  Snapshots whose index is in ``aside`` have no say in that.
    O(groups log groups), vectorised level by level.
    """
    path = [np.zeros(len(one.parent), np.uint64) for one in snapshots]
    star = [np.isin(one.label, (STAR, STAR_KEY)) for one in snapshots]
    deepest = max((int(one.depth.max(initial=0)) for one in snapshots), default=0)
    for depth in range(deepest + 1):
        rows = [np.flatnonzero(one.depth == depth) for one in snapshots]
        for one, at, out in zip(snapshots, rows, path, strict=True):
            out[at] = _paths(one, at, out, one.label[at])
        voters = [np.unique(out[at]) for i, (at, out) in _numbered(rows, path) if i not in aside]
        everywhere = _common(voters)
        for one, at, out, open_ in zip(snapshots, rows, path, star, strict=True):
            lost = at[one.is_open[at] & ~np.isin(out[at], everywhere)]
            out[lost] = _paths(one, lost, out, np.full(len(lost), STAR, np.uint64))
            open_[lost] = True
    return _table(snapshots, path, star)


def _numbered(rows: list[I64], path: list[U64]) -> enumerate[tuple[I64, U64]]:
    return enumerate(zip(rows, path, strict=True))


def _paths(one: PathGroups, at: I64, path: U64, label: U64) -> U64:
    """Hash of the path of some groups whose parents have theirs."""
    above = one.parent[at]
    start = np.where(above >= 0, path[np.maximum(above, 0)], np.uint64(0)) if len(path) else label
    return mix(mix(start, label), one.type[at])


def _common(found: list[U64]) -> U64:
    """What every one of them has."""
    if not found:
        return np.zeros(0, np.uint64)
    values, count = np.unique(np.concatenate(found), return_counts=True)
    result: U64 = values[count == len(found)]
    return result


def _table(
    snapshots: Sequence[PathGroups], path: list[U64], star: list[npt.NDArray[np.bool_]]
) -> Alignment:
    keys = np.concatenate([np.zeros(0, np.uint64), *path])
    depth = np.concatenate([np.zeros(0, np.int64), *(one.depth for one in snapshots)])
    unique, first = np.unique(keys, return_index=True)
    order = np.argsort(depth[first], kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    rows = tuple(rank[np.searchsorted(unique, one)] for one in path)
    parent = np.full(len(order), -1, np.int64)
    is_star = np.zeros(len(order), np.bool_)
    sums = np.zeros((3, len(snapshots), len(order)), np.int64)
    for i, (one, row, open_) in enumerate(zip(snapshots, rows, star, strict=True)):
        has_parent = one.parent >= 0
        parent[row[has_parent]] = row[one.parent[has_parent]]
        is_star[row[open_]] = True
        for out, values in zip(sums, (one.count, one.entries, one.bytes), strict=True):
            np.add.at(out[i], row, values)
    return Alignment(parent, is_star, sums[0], sums[1], sums[2], rows)
