"""When an object came: looked up in the earlier snapshots, one object or one page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import NodeFlag
from leakhunt.graph.heap_graph import HeapGraph

OLD: Final = "old"
"""In the earliest snapshot already."""

Ints = npt.NDArray[np.int64]


class Ages:
    """Births of the objects of the last of some snapshots of one process.

    Looks addresses up in the earlier snapshots instead of matching whole heaps, which would
    take 8 bytes an object and snapshot.
    """

    def __init__(self, graph_by_label: Mapping[str, HeapGraph]) -> None:
        self._graphs = list(graph_by_label.items())
        numbers: dict[str, int] = {}
        self._types = [_ids_by_name(graph, numbers) for _, graph in self._graphs]
        self._names: Sequence[str] = self._words()

    @property
    def is_known(self) -> bool:
        """Is there an earlier snapshot to look into?"""
        return len(self._graphs) > 1

    def of(self, node: int) -> str:
        """When it came, in a word: ``old``, or the last snapshot it is not in: ``since baseline``.
        Empty when that is not known.  O(log nodes)."""
        if not self.is_known or self._graphs[-1][1].is_root(node):
            return ""
        return self._names[int(self.epochs(np.array([node], np.int64))[0])]

    def epochs(self, nodes: Ints) -> Ints:
        """How many of the earlier snapshots, from the first on, an object is not in: 0 for the
        oldest.  O(nodes given x log nodes) vectorised."""
        at, missed = nodes, np.zeros(len(nodes), np.int64)
        alive = np.ones(len(nodes), np.bool_)
        for i in range(len(self._graphs) - 1, 0, -1):
            at, found = self._before(i, at)
            lost = alive & ~found
            missed[lost] = i
            alive &= found
        return missed

    def _before(self, i: int, nodes: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Ids of nodes in the snapshot before, and which of them are there."""
        before, after = self._graphs[i - 1][1], self._graphs[i][1]
        b, a = before.columns, after.columns
        if not b.heap_count:
            return nodes * 0, np.zeros(len(nodes), np.bool_)
        wanted = a.node_address[nodes]
        at = np.searchsorted(b.node_address[: b.heap_count], wanted).astype(np.int64)
        at = np.minimum(at, b.heap_count - 1)
        found = b.node_address[at] == wanted
        same = self._types[i - 1][b.node_type[at]] == self._types[i][a.node_type[nodes]]
        found &= same
        found &= (a.node_flags[nodes] & NodeFlag.BORN) == 0
        return at, found

    def _words(self) -> list[str]:
        labels = [label for label, _ in self._graphs]
        return [OLD, *(f"since {label}" for label in labels[:-1])]


def _ids_by_name(graph: HeapGraph, numbers: dict[str, int]) -> Ints:
    """(type_count,) numbers that are equal for equal names in every snapshot.  O(types)."""
    names = (graph.name_of_type(i) for i in range(graph.columns.type_count))
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
