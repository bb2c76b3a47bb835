"""What would be freed: by letting go of some objects, or by one holder letting go of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import NodeFlag
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.tables import SKIP_WEAK
from leakhunt.store.columns import NO_NODE, U8

Nodes = npt.NDArray[np.integer]


class Cuts:
    """Answers for one graph; keeps its scratch arrays between questions.

    Each question costs O(nodes) for the marks and O(edges) below the cut.
    """

    def __init__(self, graph: HeapGraph) -> None:
        self._graph = graph
        self._queue = np.zeros(graph.node_count, np.uint32)
        self._mortal = (graph.columns.node_flags & NodeFlag.IMMORTAL) == 0
        # Roots, what C code alone keeps, and what nothing frees stay whatever lets go.
        is_seed = (graph.tree.parent == NO_NODE) & graph.reachable
        self._stays = is_seed | (graph.reachable & ~self._mortal)

    def retained(self, nodes: Nodes) -> U8:
        """(node_count,) 1 for what would be unreachable without these nodes (themselves too)."""
        gone = self._mark(nodes)
        nothing = np.zeros_like(gone)
        return self._lost(nodes, removed=gone, cut_source=nothing, cut_target=nothing)

    def exclusive(self, holders: Nodes, nodes: Nodes) -> U8:
        """(node_count,) 1 for what would be unreachable without the edges from the holders to
        the nodes."""
        source, target = self._mark(holders), self._mark(nodes)
        return self._lost(
            nodes, removed=np.zeros_like(source), cut_source=source, cut_target=target
        )

    def bytes_of(self, mask: U8) -> int:
        """Shallow bytes of the marked nodes; immortal ones are never freed."""
        return int(self._graph.columns.node_size[(mask != 0) & self._mortal].sum())

    def below(self, nodes: Nodes) -> U8:
        """(node_count,) 1 for the nodes and all below them in the tree."""
        return self._graph.mark_below(nodes)

    def _mark(self, nodes: Nodes) -> U8:
        mark = np.zeros(self._graph.node_count, np.uint8)
        mark[nodes] = 1
        return mark

    def _lost(self, nodes: Nodes, *, removed: U8, cut_source: U8, cut_target: U8) -> U8:
        graph = self._graph
        c, (back, source) = graph.columns, graph.reverse
        inside = self.below(nodes)
        inside[self._stays & (removed == 0)] = 0
        _kernels.keep_alive(
            c.edge_offset, c.edge_target, c.edge_kind, SKIP_WEAK, back, source,
            graph.reachable.view(np.uint8), inside, removed, cut_source, cut_target, self._queue,
        )  # fmt: skip
        return inside
