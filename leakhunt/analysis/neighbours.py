"""The direct neighbours of a node, page by page: for views that open one node at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.paths import edge_words
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.tables import SKIP_WEAK

Ints = npt.NDArray[np.int64]


class Direction(Enum):
    """Which neighbours."""

    REFERRERS = "referrers"
    """Nodes with a strong reference to it."""
    REFERENTS = "referents"
    """Nodes it refers to, weakly too."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One neighbour and the reference that makes it one."""

    node: int
    edge: int
    text: str
    """The reference as written in a path: ``.listeners``, ``['tick']``."""
    kind: str
    """Its kind in lower case."""
    type: str
    size_bytes: int
    """Shallow."""
    is_weak: bool


@dataclass(frozen=True, slots=True)
class NeighbourType:
    """Neighbours of one type."""

    type: str
    count: int
    size_bytes: int


class Neighbours:
    """Neighbours in one graph.

    The first question about referrers builds the reverse edges of the graph, O(edges) once.
    After that opening a node is O(its degree) vectorised and O(page) for the words, so that a
    node with a million referrers opens in a few milliseconds.
    """

    def __init__(self, graph: HeapGraph) -> None:
        self.graph = graph

    def count(self, node: int, direction: Direction) -> int:
        """How many references: O(1) once the reverse edges are there."""
        if direction is Direction.REFERENTS:
            return len(self.graph.edges(node))
        return len(self.graph.referrers(node))

    def page(
        self, node: int, direction: Direction, start: int = 0, most: int = 100
    ) -> list[Neighbour]:
        """Neighbours ``start`` to ``start + most``, in the order of the snapshot.

        O(most x degree of a referrer) vectorised for referrers, O(most) for referents.
        """
        if direction is Direction.REFERENTS:
            span = self.graph.edges(node)[start : start + most]
            return [self._neighbour(edge, self.graph.target(edge)) for edge in span]
        sources = self.graph.referrers(node)
        repeated = self._turn(sources, start)
        found = []
        for source in sources[start : start + most].tolist():
            edges = self.graph.edges_between(source, node)
            strong = edges[SKIP_WEAK[self.graph.columns.edge_kind[edges]] == 0]
            turn = repeated.get(source, 0)
            repeated[source] = turn + 1
            found.append(self._neighbour(int(strong[turn]), source))
        return found

    def types(self, node: int, direction: Direction, most: int = 100) -> list[NeighbourType]:
        """The neighbours by type, commonest first.  O(degree) vectorised."""
        c = self.graph.columns
        if direction is Direction.REFERENTS:
            span = self.graph.edges(node)
            nodes = c.edge_target[span.start : span.stop]
        else:
            nodes = self.graph.referrers(node)
        kinds = c.node_type[nodes]
        count = np.bincount(kinds, minlength=1)
        size = np.bincount(kinds, c.node_size[nodes].astype(np.float64), minlength=1)
        order = np.argsort(-count, kind="stable")[:most]
        return [
            NeighbourType(self.graph.name_of_type(int(t)), int(count[t]), int(size[t]))
            for t in order.tolist()
            if count[t]
        ]

    def _turn(self, sources: npt.NDArray[np.integer], start: int) -> dict[int, int]:
        """How many references of the page's first source come before the page.

        Sources of a node are ascending, so only that one can have some.
        """
        if not 0 < start < len(sources):
            return {}
        first = int(np.searchsorted(sources, sources[start]))
        return {int(sources[start]): start - first}

    def _neighbour(self, edge: int, node: int) -> Neighbour:
        graph = self.graph
        text, kind, _ = edge_words(graph, graph.source(edge), edge)
        return Neighbour(
            node=node,
            edge=edge,
            text=text,
            kind=kind,
            type=graph.type_name(node),
            size_bytes=int(graph.columns.node_size[node]),
            is_weak=bool(SKIP_WEAK[graph.kind(edge)]),
        )
