"""Ids that mean the same object in every file of one case."""

from __future__ import annotations

import numpy as np

from leakhunt.errors import SnapshotError
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.identity import link
from leakhunt.interop.heapsnapshot.layout import FIRST_ID, LIMIT
from leakhunt.store.columns import I64, U32


class ObjectIds:
    """Gives out ids, snapshot after snapshot: odd, below 2**32, rising in the order of birth.

    An object keeps the id it got in the snapshot that saw it first.  Who is who is decided as
    in a diff (``leakhunt.graph.identity``), so a newborn at an old address gets a new id.
    """

    def __init__(self) -> None:
        self._next = FIRST_ID
        self._before: tuple[HeapGraph, U32] | None = None
        self._parts: dict[tuple[int, int], int] = {}

    def of(self, graph: HeapGraph) -> U32:
        """(node_count,) ids of the next snapshot of the case; call it in the order taken.

        O(n log n).  Raises SnapshotError when the case has more objects than there are ids.
        """
        known = np.full(graph.node_count, -1, np.int64)
        if self._before is not None:
            before, ids = self._before
            earlier = link(before, graph).earlier
            there = earlier >= 0
            known[there] = ids[earlier[there]]
        new = known < 0
        known[new] = self._take(int(new.sum()))
        result = known.astype(np.uint32)
        self._before = (graph, result)
        return result

    def of_part(self, owner: int, part: int) -> int:
        """Id of the n-th part of an object that is too large for one node."""
        key = (owner, part)
        if key not in self._parts:
            self._parts[key] = int(self._take(1)[0])
        return self._parts[key]

    def _take(self, count: int) -> I64:
        first, self._next = self._next, self._next + 2 * count
        if self._next > LIMIT:
            raise SnapshotError(
                f"the snapshots hold more than {LIMIT // 2:,} objects: the format has no more ids",
                hint="export fewer snapshots of the case together",
            )
        return first + 2 * np.arange(count, dtype=np.int64)
