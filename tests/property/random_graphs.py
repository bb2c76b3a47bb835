"""Random heap graphs as plain arrays, and the slow, obvious twins of the kernels."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from leakhunt.graph import _kernels

NO_NODE = 0xFFFFFFFF
NO_TIER = 255


@dataclass
class Graph:
    nodes: int
    edges: list[tuple[int, int, int]]
    """(source, target, kind), by source."""

    def __post_init__(self) -> None:
        self.edges.sort(key=lambda e: e[0])
        degree = np.bincount([s for s, _, _ in self.edges], minlength=self.nodes)
        self.offset = np.concatenate([[0], np.cumsum(degree[: self.nodes])]).astype(np.uint64)
        self.target = np.array([t for _, t, _ in self.edges], np.uint32)
        self.kind = np.array([k for _, _, k in self.edges], np.uint8)
        self.skip = np.zeros(256, np.uint8)
        self.skip[10] = 1

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return self.offset, self.target, self.kind, self.skip

    def strong(self) -> list[tuple[int, int]]:
        return [(s, t) for s, t, k in self.edges if not self.skip[k]]

    def tree(self, tiers: list[list[int]], blocked: list[int]) -> Tree:
        n = self.nodes
        tree = Tree(
            np.full(n, NO_NODE, np.uint32), np.zeros(n, np.uint64), np.zeros(n, np.uint32),
            np.full(n, NO_TIER, np.uint8), np.zeros(n, np.uint32),
        )  # fmt: skip
        mask = np.zeros(n, np.uint8)
        mask[blocked] = 1
        length = 0
        for tier, seeds in enumerate(tiers):
            length = _kernels.explore(
                *self.arrays, mask, np.array(seeds, np.uint32), tier, tree.parent, tree.edge,
                tree.distance, tree.tier, tree.order, length,
            )  # fmt: skip
        tree.order = tree.order[:length]
        return tree


@dataclass
class Tree:
    parent: np.ndarray
    edge: np.ndarray
    distance: np.ndarray
    tier: np.ndarray
    order: np.ndarray


@st.composite
def graphs(draw: st.DrawFn, most: int = 30) -> Graph:
    nodes = draw(st.integers(1, most))
    node = st.integers(0, nodes - 1)
    edge = st.tuples(node, node, st.sampled_from([1, 2, 5, 10]))
    return Graph(nodes, draw(st.lists(edge, max_size=3 * most)))


def chain(n: int) -> Graph:
    return Graph(n, [(i, i + 1, 1) for i in range(n - 1)])


def star(n: int) -> Graph:
    return Graph(n, [(0, i, 1) for i in range(1, n)])


def clique(n: int) -> Graph:
    return Graph(n, [(i, j, 1) for i in range(n) for j in range(n)])


def slow_tiers(
    graph: Graph, tiers: list[list[int]], blocked: list[int]
) -> tuple[list[int], list[int]]:
    """(tier, distance) of every node by textbook breadth-first search."""
    tier_of, distance = [NO_TIER] * graph.nodes, [0] * graph.nodes
    out: dict[int, list[int]] = {}
    for s, t in graph.strong():
        out.setdefault(s, []).append(t)
    for tier, seeds in enumerate(tiers):
        queue: deque[int] = deque()
        for seed in seeds:
            if tier_of[seed] == NO_TIER:
                tier_of[seed] = tier
                queue.append(seed)
        while queue:
            at = queue.popleft()
            for to in out.get(at, []):
                if tier_of[to] == NO_TIER and to not in blocked:
                    tier_of[to], distance[to] = tier, distance[at] + 1
                    queue.append(to)
    return tier_of, distance


def slow_reachable(
    graph: Graph, seeds: list[int], removed: set[int], cut: set[tuple[int, int]]
) -> set[int]:
    """Reachable nodes without the removed nodes and the cut (source, target) pairs."""
    seen = {s for s in seeds if s not in removed}
    stack = list(seen)
    while stack:
        at = stack.pop()
        for s, t in graph.strong():
            if s == at and t not in removed and t not in seen and (s, t) not in cut:
                seen.add(t)
                stack.append(t)
    return seen


def slow_distances(graph: Graph, named: list[int], held: list[int]) -> list[int]:
    """Fewest edges from a named root, or one more than from what is held, by relaxation."""
    far = [NO_NODE] * graph.nodes
    for v in held:
        far[v] = 1
    for v in named:
        far[v] = 0
    for _ in range(graph.nodes):
        for s, t in graph.strong():
            far[t] = min(far[t], far[s] + 1) if far[s] != NO_NODE else far[t]
    return far


def slow_dominators(graph: Graph, seeds: list[int]) -> list[int]:
    """Immediate dominators by the definition: v is dominated by all without which it is lost.

    The nearest of them is the one that is itself dominated by the most.
    """
    reached = slow_reachable(graph, seeds, set(), set())
    over: dict[int, set[int]] = {v: set() for v in reached}
    for v in reached:
        for lost in reached - slow_reachable(graph, seeds, {v}, set()) - {v}:
            over[lost].add(v)
    idom = [NO_NODE] * graph.nodes
    for v in reached:
        idom[v] = max(over[v], key=lambda d: len(over[d]), default=graph.nodes)
    return idom


def slow_retained(graph: Graph, seeds: list[int], size: list[int]) -> list[int]:
    """What would be freed without each node: reachable with it, not without."""
    reached = slow_reachable(graph, seeds, set(), set())
    return [
        sum(size[w] for w in reached - slow_reachable(graph, seeds, {v}, set()))
        if v in reached
        else 0
        for v in range(graph.nodes)
    ]


def slow_components(graph: Graph) -> list[frozenset[int]]:
    """For each node, all that it reaches and that reaches it."""
    reach = [slow_reachable(graph, [v], set(), set()) for v in range(graph.nodes)]
    return [
        frozenset(w for w in range(graph.nodes) if w in reach[v] and v in reach[w])
        for v in range(graph.nodes)
    ]
