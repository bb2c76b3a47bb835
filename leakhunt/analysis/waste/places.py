"""Where the wasted objects are: by path, entries left open."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.paths import PathNamer
from leakhunt.analysis.trend.grouping import STAR, STAR_KEY, PathGroups, path_groups
from leakhunt.graph.heap_graph import HeapGraph, Mask

Ints = npt.NDArray[np.int64]


class Places:
    """Groups objects of one graph by their path and names the groups."""

    def __init__(self, graph: HeapGraph) -> None:
        self.graph = graph

    @cached_property
    def _groups(self) -> PathGroups:
        return path_groups(self.graph)

    @cached_property
    def _namer(self) -> PathNamer:
        return PathNamer(self.graph)

    @cached_property
    def _is_open(self) -> Mask:
        """(groups,) the last step is an entry without a lasting name."""
        return np.isin(self._groups.label, (STAR, STAR_KEY))

    def of(self, nodes: Ints) -> Ints:
        """Number of the place of each node.  The first call costs O(nodes)."""
        return self._groups.group_of_node[nodes]

    def path(self, node: int) -> str:
        """The path of a node with open entries written ``[*]``.  O(depth)."""

        def is_starred(step: int) -> bool:
            return bool(self._is_open[self._groups.group_of_node[step]])

        return str(self._namer.path(node, is_starred))

    def most_common(self, nodes: Ints) -> tuple[str, int]:
        """Path that most of the nodes have, and how many.  O(nodes log nodes)."""
        place = self.of(nodes)
        ids, first, count = np.unique(place, return_index=True, return_counts=True)
        best = int(np.lexsort((ids, -count))[0])
        return self.path(int(nodes[first[best]])), int(count[best])
