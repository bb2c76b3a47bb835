"""Which nodes belong to a neighbourhood: who refers to the centres, and what they refer to.

Referrers are followed upwards only and referents downwards only: what else a container of the
centre holds is not what one wants to see.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.graph.heap_graph import HeapGraph, Mask
from leakhunt.interop.neighbourhood.kinds import Kinds, NodeKind
from leakhunt.store.columns import NO_NODE, U32

_ENDS = frozenset({NodeKind.VALUE, NodeKind.CLASS, NodeKind.MODULE, NodeKind.ROOT})
"""What half the heap refers to, or refers to half the heap: shown, and not looked beyond."""
_SHARED = 16
"""References to an object that is shared by many: shown only where it is retained."""
_LONGEST_PATH = 48


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is shown."""

    depth: int = 2
    """Edges from a centre."""
    limit: int = 100
    """Nodes in all, but for those on the path from the root."""
    fan: int = 12
    """Neighbours of one node in one direction."""


@dataclass(slots=True)
class Collected:
    """The nodes, and what was left out."""

    centres: tuple[int, ...]
    hops_by_node: dict[int, int]
    """Fewest edges from a centre, in either direction; in the order found."""
    path: tuple[int, ...] = ()
    """From a root to the first centre, both included; empty for garbage."""
    is_path_cut: bool = False
    """The path is longer and only its end is in the neighbourhood."""
    more_referrers: dict[int, int] = field(default_factory=dict)
    more_referents: dict[int, int] = field(default_factory=dict)
    """Neighbours that were left out, by node."""


class _Front:
    """How far the search has come in one direction."""

    def __init__(self, nodes: Iterable[int]) -> None:
        self.nodes = list(nodes)
        self.met = set(self.nodes)


class Collector:
    """Breadth-first upwards and downwards, bounded at every step."""

    def __init__(self, graph: HeapGraph, kinds: Kinds, bounds: Bounds) -> None:
        self._graph = graph
        self._kinds = kinds
        self._bounds = bounds

    def collect(self, centres: Iterable[int]) -> Collected:
        """The neighbourhood of some nodes.

        O(degrees of the nodes found), and O(edges) once for reverse edges and dominators.
        """
        chosen = tuple(dict.fromkeys(centres))[: self._bounds.limit]
        found = Collected(chosen, dict.fromkeys(chosen, 0))
        self._add_path(found, chosen[0])
        above, below = _Front(chosen), _Front(chosen)
        for hops in range(1, self._bounds.depth + 1):
            above.nodes = [n for node in above.nodes for n in self._up(found, above, node, hops)]
            below.nodes = [n for node in below.nodes for n in self._down(found, below, node, hops)]
        return found

    def _up(self, found: Collected, front: _Front, node: int, hops: int) -> list[int]:
        if self._is_end(found, node):
            return []
        near = np.unique(self._graph.referrers(node))
        chosen, left = self._choose(found, front, near, hops)
        if left:
            found.more_referrers[node] = left
        return chosen

    def _down(self, found: Collected, front: _Front, node: int, hops: int) -> list[int]:
        """Targets of all edges, weak ones too, but the class."""
        if self._is_end(found, node):
            return []
        c = self._graph.columns
        low, high = int(c.edge_offset[node]), int(c.edge_offset[node + 1])
        near = np.unique(c.edge_target[low:high][c.edge_kind[low:high] != EdgeKind.TYPE])
        own = near[self._is_own(node, near)]
        chosen, left = self._choose(found, front, own, hops)
        if left:
            found.more_referents[node] = left
        return chosen

    def _is_end(self, found: Collected, node: int) -> bool:
        return node not in found.centres and self._kinds.of(node) in _ENDS

    def _is_own(self, node: int, near: U32) -> Mask:
        """Leave out what everybody refers to: None, names, code, the globals of a module."""
        graph, (back, _) = self._graph, self._graph.reverse
        dominated: Mask = graph.dominators[near] == node
        in_degree = back[near.astype(np.int64) + 1] - back[near]
        is_value = np.array([self._kinds.of(int(n)) is NodeKind.VALUE for n in near], np.bool_)
        return dominated | ((in_degree <= _SHARED) & ~is_value)

    def _choose(
        self, found: Collected, front: _Front, near: U32, hops: int
    ) -> tuple[list[int], int]:
        """Of the nodes that this front has not met, those that are in already and the heaviest
        of the others; and how many had to be left out."""
        unmet = near[~np.isin(near, np.fromiter(front.met, np.int64))]
        is_in = np.isin(unmet, np.fromiter(found.hops_by_node, np.int64))
        fresh = unmet[~is_in]
        room = max(min(self._bounds.fan, self._bounds.limit - self._count(found)), 0)
        weight = self._graph.retained_bytes[fresh].astype(np.int64)
        heaviest = fresh[np.argsort(-weight, kind="stable")[:room]].tolist()
        found.hops_by_node.update(dict.fromkeys(heaviest, hops))
        chosen = unmet[is_in].tolist() + heaviest
        front.met.update(chosen)
        return chosen, len(fresh) - len(heaviest)

    @staticmethod
    def _count(found: Collected) -> int:
        on_path = set(found.path) - set(found.centres)
        return len(found.hops_by_node) - len(on_path)

    def _add_path(self, found: Collected, node: int) -> None:
        """The shortest path from a root, by which a report names the node."""
        tree = self._graph.tree
        path = [node]
        while int(tree.parent[path[-1]]) != NO_NODE and len(path) < _LONGEST_PATH:
            path.append(int(tree.parent[path[-1]]))
        found.is_path_cut = int(tree.parent[path[-1]]) != NO_NODE
        found.path = tuple(reversed(path)) if self._graph.reachable[node] else ()
        for hops, above in enumerate(path[1:], 1):
            found.hops_by_node.setdefault(above, hops)
