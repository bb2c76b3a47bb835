"""A part of a heap graph with node ids of its own: small enough for what is costly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph, Mask
from leakhunt.graph.tables import NO_TIER, SKIP_WEAK
from leakhunt.store.columns import I64, U8, U32, U64


@dataclass(frozen=True, slots=True, eq=False)
class Subgraph:
    """Some nodes and the strong edges among them."""

    nodes: I64
    """(count,) ids in the whole graph, ascending; the position is the id here."""
    edge_offset: U64
    """(count+1,) first edge of each node."""
    edge_target: U32
    """(edges,) ids here."""
    edge_kind: U8
    """(edges,) as in the whole graph."""
    edge: I64
    """(edges,) ids in the whole graph."""

    @property
    def count(self) -> int:
        """Number of nodes."""
        return len(self.nodes)

    def ids(self, nodes: npt.NDArray[np.integer]) -> I64:
        """Ids here of nodes that are in it.  O(nodes x log count) vectorised."""
        found: I64 = np.searchsorted(self.nodes, nodes)
        return found

    def reached(self, seeds: npt.NDArray[np.integer]) -> Mask:
        """(count,) what some of its nodes reach inside it, themselves included.  O(count +
        edges)."""
        n = self.count
        tier = np.full(n, NO_TIER, np.uint8)
        _kernels.explore(
            self.edge_offset, self.edge_target, self.edge_kind, SKIP_WEAK, np.zeros(n, np.uint8),
            self.ids(seeds).astype(np.uint32), 0, np.zeros(n, np.uint32), np.zeros(n, np.uint64),
            np.zeros(n, np.uint32), tier, np.zeros(n, np.uint32), 0,
        )  # fmt: skip
        found: Mask = tier != NO_TIER
        return found


def subgraph(graph: HeapGraph, nodes: npt.NDArray[np.integer]) -> Subgraph:
    """The nodes and the strong edges among them.  O(edges of these x log) when they are few,
    O(nodes of the graph + edges of these) when they are many."""
    c = graph.columns
    own = graph.distinct(nodes)
    edges, owner = graph.expand(own)
    target = _ids_in(graph, own, c.edge_target[edges])
    keep = (target >= 0) & (SKIP_WEAK[c.edge_kind[edges]] == 0)
    edges, owner, target = edges[keep], owner[keep], target[keep]
    degree = np.bincount(owner, minlength=len(own))[: len(own)]
    offset = np.concatenate([[0], np.cumsum(degree)]).astype(np.uint64)
    kinds = np.ascontiguousarray(c.edge_kind[edges])
    return Subgraph(own, offset, target.astype(np.uint32), kinds, edges)


def _ids_in(graph: HeapGraph, own: I64, nodes: U32) -> I64:
    """Positions of nodes in ``own``, -1 for those that are not in it."""
    if len(own) > graph.node_count >> 4:
        id_here = np.full(graph.node_count, -1, np.int64)
        id_here[own] = np.arange(len(own))
        return id_here[nodes]
    if not len(own):
        return np.full(len(nodes), -1, np.int64)
    at = np.minimum(np.searchsorted(own, nodes.astype(np.int64)), len(own) - 1)
    found: I64 = np.where(own[at] == nodes, at, -1)
    return found
