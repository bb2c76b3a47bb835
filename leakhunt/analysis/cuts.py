"""What would be freed: if some objects went, or some references.

One definition serves every answer (docs/sizes.md): an object is freed when no strong reference
leads to it any more from a GC root.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import NodeFlag
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.tables import SKIP_WEAK
from leakhunt.store.columns import I64, NO_NODE, U32, U64

Nodes = npt.NDArray[np.integer]

_NO_EDGES: U64 = np.zeros(0, np.uint64)


class Cuts:
    """Answers for one graph; keeps its scratch arrays between questions.

    The first costs O(nodes), and the reverse edges when the graph has not got them.  Each
    question then costs O(edges to and from what hangs below the cut in the tree).
    """

    def __init__(self, graph: HeapGraph) -> None:
        self.graph = graph
        self._queue = np.empty(graph.node_count, np.uint32)
        self._mark = np.zeros(graph.node_count, np.uint8)
        self._mortal = (graph.columns.node_flags & NodeFlag.IMMORTAL) == 0
        # Roots, what C code alone keeps, and what nothing frees stay whatever lets go.
        self._stays = ((graph.tree.parent == NO_NODE) | ~self._mortal).view(np.uint8)

    def retained(self, nodes: Nodes) -> I64:
        """What would be unreachable without these nodes, themselves included; ascending."""
        return self._lost(nodes.astype(np.uint32), _NO_EDGES, _NO_EDGES, is_removed=True)

    def exclusive(self, holders: Nodes, nodes: Nodes) -> I64:
        """What would be unreachable without the references from the holders to the nodes;
        ascending.  O(edges of the holders) besides."""
        return self.without(self.references(holders, nodes))

    def without(self, edges: Nodes) -> I64:
        """What would be unreachable without some references; ascending."""
        c, tree = self.graph.columns, self.graph.tree
        cut = np.unique(edges[SKIP_WEAK[c.edge_kind[edges]] == 0]).astype(np.uint64)
        target, source = c.edge_target[cut], self.graph.sources_of(cut)
        pairs = (target.astype(np.uint64) << np.uint64(32)) | source.astype(np.uint64)
        is_way = (tree.parent[target] == source) & (tree.parent_edge[target] == cut)
        return self._lost(target[is_way], cut, np.sort(pairs), is_removed=False)

    def references(self, holders: Nodes, nodes: Nodes) -> I64:
        """Strong references from the holders to the nodes; ascending.  O(edges of the holders)."""
        c = self.graph.columns
        edges, _ = self.graph.expand(np.unique(holders))
        edges = edges[SKIP_WEAK[c.edge_kind[edges]] == 0]
        self._mark[nodes] = 1
        found: I64 = edges[self._mark[c.edge_target[edges]] != 0]
        self._mark[nodes] = 0
        return found

    def bytes_of(self, nodes: Nodes) -> int:
        """Shallow bytes of nodes; immortal ones are never freed."""
        return int(self.graph.columns.node_size[nodes[self._mortal[nodes]]].sum())

    def _lost(self, start: U32, edges: U64, pairs: U64, *, is_removed: bool) -> I64:
        graph, c, tree = self.graph, self.graph.columns, self.graph.tree
        back, source = graph.reverse
        count = _kernels.lost(
            c.edge_offset, c.edge_target, c.edge_kind, SKIP_WEAK, back, source, tree.parent,
            tree.parent_edge, tree.tier, self._stays, start, is_removed, edges, pairs,
            self._mark, self._queue,
        )  # fmt: skip
        found: I64 = np.sort(self._queue[:count]).astype(np.int64)
        return found
