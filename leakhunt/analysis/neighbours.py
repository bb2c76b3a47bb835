"""The direct neighbours of a node, page by page: for views that open one node at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.listing import Row, row_of
from leakhunt.analysis.paths import edge_words
from leakhunt.analysis.ranking import largest_first
from leakhunt.analysis.retaining import Retaining, retaining
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.tables import SKIP_WEAK
from leakhunt.store.columns import U32

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
    row: Row
    """What a list shows of the neighbour."""
    is_weak: bool
    retaining: Retaining
    """Whether the reference keeps its target alive."""

    @property
    def type(self) -> str:
        """``module.QualName`` of the neighbour's type."""
        return self.row.type

    @property
    def size_bytes(self) -> int:
        """Shallow size of the neighbour."""
        return self.row.size_bytes


@dataclass(frozen=True, slots=True)
class NeighbourType:
    """Neighbours of one type."""

    type: str
    count: int
    size_bytes: int


class Neighbours:
    """Neighbours in one graph.

    The first question builds what the graph has not derived yet: reverse edges, dominators,
    distances, O(edges) once; the cache of a snapshot has them.  After that opening a node is
    O(its degree) vectorised and O(page) for the words, so that a node with a million referrers
    opens in a few milliseconds.
    """

    def __init__(self, graph: HeapGraph) -> None:
        self.graph = graph
        self._ranked: tuple[tuple[int, Direction], U32] | None = None

    def count(self, node: int, direction: Direction) -> int:
        """How many references: O(1) once the reverse edges are there."""
        return len(self._others(node, direction))

    def page(
        self,
        node: int,
        direction: Direction,
        start: int = 0,
        most: int = 100,
        *,
        by_size: bool = False,
    ) -> list[Neighbour]:
        """Neighbours ``start`` to ``start + most``, in the order of the snapshot or by what they
        retain.

        O(most x degree of a referrer) vectorised for referrers, O(most) for referents; by size
        the first page of a node sorts its neighbours, 40 ms for a million.
        """
        if by_size:
            places = self._by_size(node, direction)[start : start + most].astype(np.int64)
        else:
            places = np.arange(*slice(start, start + most).indices(self.count(node, direction)))
        if direction is Direction.REFERENTS:
            edges = self.graph.edges(node).start + places
            return self._referents(node, edges)
        return self._referrers(node, places)

    def types(self, node: int, direction: Direction, most: int = 100) -> list[NeighbourType]:
        """The neighbours by type, commonest first.  O(degree) vectorised."""
        c, nodes = self.graph.columns, self._others(node, direction)
        kinds = c.node_type[nodes]
        count = np.bincount(kinds, minlength=1)
        size = np.bincount(kinds, c.node_size[nodes].astype(np.float64), minlength=1)
        order = np.argsort(-count, kind="stable")[:most]
        return [
            NeighbourType(self.graph.name_of_type(int(t)), int(count[t]), int(size[t]))
            for t in order.tolist()
            if count[t]
        ]

    def _others(self, node: int, direction: Direction) -> U32:
        """The neighbours, one a reference, in the order of the snapshot."""
        if direction is Direction.REFERRERS:
            return self.graph.referrers(node)
        span = self.graph.edges(node)
        return self.graph.columns.edge_target[span.start : span.stop]

    def _by_size(self, node: int, direction: Direction) -> U32:
        """Places among the neighbours, of what retains most first; the last answer is kept."""
        key = (node, direction)
        if self._ranked is None or self._ranked[0] != key:
            weights = self.graph.retained_bytes[self._others(node, direction)]
            places = np.arange(len(weights), dtype=np.uint32)
            self._ranked = key, largest_first(places, weights)
        return self._ranked[1]

    def _referents(self, node: int, edges: Ints) -> list[Neighbour]:
        c = self.graph.columns
        source = np.array([node])
        found = []
        for edge in edges.tolist():
            target, kinds = self.graph.target(edge), c.edge_kind[edge : edge + 1]
            (keeps,) = retaining(self.graph, target, source, kinds)
            found.append(self._neighbour(edge, node, target, keeps))
        return found

    def _referrers(self, node: int, places: Ints) -> list[Neighbour]:
        """Sources of a node are ascending: the k-th of one source stands for its k-th edge."""
        all_sources = self.graph.referrers(node)
        sources = all_sources[places]
        turns = places - np.searchsorted(all_sources, sources)
        strong = {source: self._strong(source, node) for source in set(sources.tolist())}
        edges = [strong[s][t] for s, t in zip(sources.tolist(), turns.tolist(), strict=True)]
        kinds = self.graph.columns.edge_kind[np.array(edges, np.int64)]
        keeps = retaining(self.graph, node, sources, kinds)
        return [
            self._neighbour(int(edge), source, source, keep)
            for edge, source, keep in zip(edges, sources.tolist(), keeps, strict=True)
        ]

    def _strong(self, source: int, target: int) -> Ints:
        edges = self.graph.edges_between(source, target)
        is_strong = SKIP_WEAK[self.graph.columns.edge_kind[edges]] == 0
        strong: Ints = edges[is_strong]
        return strong

    def _neighbour(self, edge: int, source: int, other: int, keeps: Retaining) -> Neighbour:
        text, kind, _ = edge_words(self.graph, source, edge)
        return Neighbour(
            node=other,
            edge=edge,
            text=text,
            kind=kind,
            row=row_of(self.graph, other),
            is_weak=bool(SKIP_WEAK[self.graph.kind(edge)]),
            retaining=keeps,
        )
