"""What the writer of paths asks of a snapshot (``leakhunt.analysis.named_graph.NamedGraph``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.graph.lazy import lazy
from leakhunt.store.columns import I64, NO_NODE, U32, SnapshotColumns


class Naming:
    """Part of :class:`~leakhunt.graph.heap_graph.HeapGraph`."""

    if TYPE_CHECKING:  # of the graph, which this is a part of
        columns: SnapshotColumns

        plan: Any
        tree: Any
        ancestors: Callable[[int], U32]
        edges: Callable[[int], range]
        edges_between: Callable[[int, int], I64]
        fact: Callable[[int, Fact], int | None]
        kind: Callable[[int], int]
        name_of_type: Callable[[int], str]
        referrers: Callable[[int], U32]
        target: Callable[[int], int]

    @property
    def modules(self) -> Mapping[str, tuple[int, int]]:
        """Module node and its namespace dict by name in sys.modules.  O(modules) once."""
        found: Mapping[str, tuple[int, int]] = self.plan.modules
        return found

    @property
    def sys_modules(self) -> int | None:
        """The dict ``sys.modules``.  O(modules) once."""
        found: int | None = self.plan.sys_modules
        return found

    @property
    def thread_count(self) -> int:
        """Threads that ran.  O(roots)."""
        return int(np.count_nonzero(self.columns.root_kind == RootKind.THREAD))

    def chain(self, node: int, most: int) -> list[tuple[int, int]]:
        """(edge into, node) from the seed down to a reachable node, the edge of the seed -1; of
        one that is longer than ``most``, the two ends.  O(depth)."""
        nodes = self.ancestors(node)[::-1]
        if len(nodes) > most:
            nodes = np.concatenate([nodes[: most // 2], nodes[-(most // 2) :]])
        edges = self.tree.parent_edge[nodes].tolist()
        edges[0] = -1
        return list(zip(edges, nodes.tolist(), strict=True))

    def name_as_type(self, node: int) -> str | None:
        """``module.QualName`` of a type with instances, None for other nodes.  O(1) after the
        first time."""
        index = self._index_of_type.get(node)
        return None if index is None else self.name_of_type(index)

    @lazy
    def _index_of_type(self) -> dict[int, int]:
        nodes = self.columns.type_node.tolist()
        return {node: i for i, node in enumerate(nodes) if node != NO_NODE}

    def root(self, node: int) -> tuple[int, str, int | None]:
        """Kind, label and line of a named root.  O(log n)."""
        index, c = node - self.columns.heap_count, self.columns
        label = c.string(int(c.root_label[index]))
        return int(c.root_kind[index]), label, self.fact(node, Fact.LINE)

    def name_of_edge(self, edge: int) -> int:
        """What the column says: the index of an INDEX edge, the key node of a VALUE edge.  O(1)."""
        return int(self.columns.edge_name[edge])

    def text(self, node: int) -> str | None:
        """Text of a str node, when recorded.  O(log n)."""
        string_id = self.columns.text_id_of_node(node)
        return None if string_id is None else self.columns.string(string_id)

    def key(self, node: int) -> str | int | None:
        """Value of a str or int node used as a key, when recorded.  O(log n)."""
        text = self.text(node)
        return text if text is not None else self.columns.int_of_node(node)

    def item(self, node: int, index: int) -> int | None:
        """Node at an index of a list or tuple, None when there is none.  O(degree)."""
        for edge in self.edges(node):
            if self.kind(edge) == EdgeKind.INDEX and self.name_of_edge(edge) == index:
                return self.target(edge)
        return None

    def namespaces_with(self, node: int) -> list[int]:
        """Namespaces of :attr:`modules` that refer to a node.  O(in-degree)."""
        referrers = self.referrers(node)
        hits = np.isin(referrers, self._namespaces)
        return sorted(set(referrers[hits].tolist()))

    @lazy
    def _namespaces(self) -> U32:
        return np.array([namespace for _, namespace in self.modules.values()], np.uint32)

    def edge_between(self, source: int, target: int) -> int:
        """An edge from one node to another that it refers to, one with a key when there is one.
        O(degree) vectorised."""
        edges: list[int] = self.edges_between(source, target).tolist()
        return next((edge for edge in edges if self.kind(edge) == EdgeKind.VALUE), edges[0])
