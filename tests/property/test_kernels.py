"""The kernels against their slow, obvious twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.graph import _kernels
from tests.property.random_graphs import (
    NO_NODE,
    Graph,
    chain,
    clique,
    graphs,
    slow_tiers,
    star,
)

SHAPES = {
    "one": Graph(1, []),
    "self": Graph(1, [(0, 0, 1)]),
    "unreachable": Graph(4, [(0, 1, 1), (2, 3, 1), (3, 2, 1)]),
    "star": star(500),
    "clique": clique(20),
    "weak only": Graph(3, [(0, 1, 10), (1, 2, 1)]),
    "many edges": Graph(2, [(0, 1, 1)] * 50),
}


def check_tree(graph: Graph, tiers: list[list[int]], blocked: list[int]) -> None:
    tree = graph.tree(tiers, blocked)
    tier, distance = slow_tiers(graph, tiers, blocked)
    assert tree.tier.tolist() == tier
    reached = [v for v in range(graph.nodes) if tier[v] != 255]
    assert sorted(tree.order.tolist()) == reached
    for v in reached:
        assert tree.distance[v] == distance[v]
        if tree.parent[v] != NO_NODE:
            s, t, kind = graph.edges[int(tree.edge[v])]
            assert (s, t) == (tree.parent[v], v)
            assert kind != 10
            assert tier[s] == tier[v]


@given(graphs(), st.data())
def test_explore(graph: Graph, data: st.DataObject) -> None:
    node = st.integers(0, graph.nodes - 1)
    tiers = data.draw(st.lists(st.lists(node, max_size=4), min_size=1, max_size=3))
    check_tree(graph, tiers, data.draw(st.lists(node, max_size=4)))


@pytest.mark.parametrize("graph", SHAPES.values(), ids=SHAPES)
def test_explore_shapes(graph: Graph) -> None:
    check_tree(graph, [[0]], [])


def test_explore_an_empty_graph() -> None:
    assert len(Graph(0, []).tree([[]], []).order) == 0


def test_a_chain_of_a_hundred_thousand() -> None:
    graph = chain(100_001)
    tree = graph.tree([[0]], [])
    assert tree.distance[-1] == 100_000
    value = np.ones(graph.nodes, np.uint32)
    _kernels.sum_up(tree.order, tree.parent, value)
    assert value[0] == graph.nodes
    top = np.zeros(graph.nodes, np.uint32)
    _kernels.climb(tree.order, tree.parent, (np.arange(graph.nodes) > 0).astype(np.uint8), top)
    assert set(top[1:].tolist()) == {1}


@given(graphs())
def test_counts_and_reverse(graph: Graph) -> None:
    into, out = np.zeros(graph.nodes, np.uint32), np.zeros(graph.nodes, np.uint32)
    _kernels.in_degree(*graph.arrays, into)
    _kernels.out_count(*graph.arrays, out)
    strong = graph.strong()
    assert into.tolist() == [sum(t == v for _, t in strong) for v in range(graph.nodes)]
    assert out.tolist() == [sum(s == v for s, _ in strong) for v in range(graph.nodes)]
    back = np.zeros(graph.nodes + 1, np.uint64)
    source = np.zeros(len(graph.edges), np.uint32)
    assert _kernels.reverse(*graph.arrays, back, source) == len(strong)
    for v in range(graph.nodes):
        found = source[int(back[v]) : int(back[v + 1])].tolist()
        assert found == sorted(s for s, t in strong if t == v)


@given(graphs(), st.data())
def test_passes_along_the_tree(graph: Graph, data: st.DataObject) -> None:
    n = graph.nodes
    tree = graph.tree([[0]], [])
    bits = st.lists(st.booleans(), min_size=n, max_size=n)
    marked = np.array(data.draw(bits), np.uint8)
    top = np.zeros(n, np.uint32)
    _kernels.climb(tree.order, tree.parent, marked, top)
    below = marked.copy()
    _kernels.mark_below(tree.order, tree.parent, below)
    total = np.arange(n, dtype=np.uint32)
    _kernels.sum_up(tree.order, tree.parent, total)
    ancestors = {v: _ancestors(tree.parent, v) for v in tree.order.tolist()}
    for v, line in ancestors.items():
        run = v
        for above in line[1:]:
            if not marked[above]:
                break
            run = above
        assert top[v] == (run if marked[v] else NO_NODE)
        assert below[v] == any(marked[a] for a in line)
        assert total[v] == sum(w for w, up in ancestors.items() if v in up)


def _ancestors(parent: np.ndarray, v: int) -> list[int]:
    line = [v]
    while parent[line[-1]] != NO_NODE:
        line.append(int(parent[line[-1]]))
    return line


@given(graphs())
def test_fold_down_depends_on_the_path_alone(graph: Graph) -> None:
    tree = graph.tree([[0]], [])
    contribution = (np.arange(graph.nodes) % 3).astype(np.uint64)
    out = np.zeros(graph.nodes, np.uint64)
    _kernels.fold_down(tree.order, tree.parent, contribution, out)
    place: dict[tuple[int, ...], int] = {}
    for v in tree.order.tolist():
        path = tuple(int(contribution[a]) for a in _ancestors(tree.parent, v))
        assert place.setdefault(path, out[v]) == out[v]
    assert len(set(place.values())) == len(place)


def test_what_is_out_of_range_is_refused() -> None:
    graph = Graph(2, [(0, 1, 1)])
    out = np.zeros(2, np.uint32)
    bad_target = np.array([9], np.uint32)
    with pytest.raises(ValueError, match="edge target 9 is out of range"):
        _kernels.in_degree(graph.offset, bad_target, graph.kind, graph.skip, out)
    with pytest.raises(ValueError, match="edge offset 7"):
        _kernels.out_count(
            np.array([0, 7, 7], np.uint64), graph.target, graph.kind, graph.skip, out
        )
    with pytest.raises(ValueError, match="out: 1 items, expected 2"):
        _kernels.in_degree(*graph.arrays, np.zeros(1, np.uint32))
    with pytest.raises(TypeError, match="out: expected one dimension of 4-byte items"):
        _kernels.in_degree(*graph.arrays, np.zeros(2, np.uint64))
    with pytest.raises(TypeError, match="takes 5 arguments"):
        _kernels.in_degree(graph.offset)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="node in order 5"):
        _kernels.sum_up(np.array([5], np.uint32), out, np.zeros(2, np.uint32))
    with pytest.raises(ValueError, match="parent 3"):
        _kernels.sum_up(
            np.array([0], np.uint32), np.array([3, 0], np.uint32), np.zeros(2, np.uint32)
        )
