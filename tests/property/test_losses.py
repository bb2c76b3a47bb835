"""What is lost when nodes or edges go, against its slow, obvious twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.graph import _kernels
from tests.property.random_graphs import Graph, graphs, slow_reachable


def lost(
    graph: Graph, start: list[int], edges: list[int], stays: set[int], *, is_removed: bool
) -> set[int]:
    n = graph.nodes
    tree = graph.tree([[0]], [])
    back, source = np.zeros(n + 1, np.uint64), np.zeros(len(graph.edges), np.uint32)
    used = _kernels.reverse(*graph.arrays, back, source)
    fixed, mark, queue = np.zeros(n, np.uint8), np.zeros(n, np.uint8), np.zeros(n, np.uint32)
    fixed[sorted(stays)] = 1
    pairs = sorted(graph.edges[e][1] << 32 | graph.edges[e][0] for e in edges)
    count = _kernels.lost(
        *graph.arrays, back, source[:used], tree.parent, tree.edge, tree.tier, fixed,
        np.array(start, np.uint32), is_removed, np.array(sorted(edges), np.uint64),
        np.array(pairs, np.uint64), mark, queue,
    )  # fmt: skip
    assert not mark.any()
    return set(queue[:count].tolist())


@given(graphs(most=14), st.data())
def test_without_nodes(graph: Graph, data: st.DataObject) -> None:
    node = st.integers(0, graph.nodes - 1)
    removed, stays = data.draw(st.sets(node, max_size=3)), data.draw(st.sets(node, max_size=2))
    before = slow_reachable(graph, [0], set(), set())
    after = slow_reachable(graph, [0, *(stays & before)], removed, set())
    found = lost(graph, sorted(removed), [], stays | {0}, is_removed=True)
    assert found == before - after


@given(graphs(most=14), st.data())
def test_without_edges(graph: Graph, data: st.DataObject) -> None:
    strong = [i for i, (_, _, kind) in enumerate(graph.edges) if not graph.skip[kind]]
    cut = data.draw(st.sets(st.sampled_from(strong), max_size=5)) if strong else set()
    stays = data.draw(st.sets(st.integers(0, graph.nodes - 1), max_size=2)) | {0}
    rest = Graph(graph.nodes, [edge for i, edge in enumerate(graph.edges) if i not in cut])
    before = slow_reachable(graph, [0], set(), set())
    after = slow_reachable(rest, sorted(stays & before), set(), set())
    tree = graph.tree([[0]], [])
    start = [
        t for e in cut for s, t, _ in [graph.edges[e]] if tree.parent[t] == s and tree.edge[t] == e
    ]
    assert lost(graph, start, sorted(cut), stays, is_removed=False) == before - after


def test_edges_of_one_pair_are_told_off_one_by_one() -> None:
    graph = Graph(3, [(0, 1, 1), (0, 1, 1), (1, 2, 1)])
    assert lost(graph, [1], [0], {0}, is_removed=False) == set()
    assert lost(graph, [1], [0, 1], {0}, is_removed=False) == {1, 2}
