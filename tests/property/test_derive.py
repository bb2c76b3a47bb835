"""Distances, dominators, retained sizes and components against their slow, obvious twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.graph import _kernels
from tests.property.random_graphs import (
    NO_NODE,
    Graph,
    chain,
    clique,
    graphs,
    slow_components,
    slow_distances,
    slow_dominators,
    slow_retained,
    star,
)

MILLION = 1_000_000
SHAPES = {
    "one": Graph(1, []),
    "self": Graph(1, [(0, 0, 1)]),
    "self in a chain": Graph(3, [(0, 1, 1), (1, 1, 1), (1, 2, 1), (2, 2, 1)]),
    "unreachable": Graph(4, [(0, 1, 1), (2, 3, 1), (3, 2, 1)]),
    "garbage points in": Graph(4, [(0, 1, 1), (2, 1, 1), (3, 2, 1), (2, 3, 1)]),
    "weak only": Graph(3, [(0, 1, 10), (1, 2, 1)]),
    "many edges": Graph(2, [(0, 1, 1)] * 50),
    "diamond": Graph(4, [(0, 1, 1), (0, 2, 1), (1, 3, 1), (2, 3, 1)]),
    "back to the root": Graph(3, [(0, 1, 1), (1, 2, 1), (2, 0, 1)]),
    "irreducible": Graph(4, [(0, 1, 1), (0, 2, 1), (1, 2, 1), (2, 1, 1), (2, 3, 1), (1, 3, 1)]),
    "star": star(60),
    "clique": clique(12),
    "chain": chain(40),
    "ladder": Graph(20, [(i, i + k, 1) for i in range(18) for k in (1, 2)]),
}


def dominators(graph: Graph, seeds: list[int], size: list[int]) -> tuple[list[int], list[int], int]:
    idom, retained = np.zeros(graph.nodes, np.uint32), np.zeros(graph.nodes, np.uint64)
    count = _kernels.dominators(
        *graph.arrays, np.array(seeds, np.uint32), np.array(size, np.uint64), idom, retained
    )
    return idom.tolist(), retained.tolist(), count


def check_dominators(graph: Graph, seeds: list[int]) -> None:
    size = [(v * 37 + 11) % 101 for v in range(graph.nodes)]
    idom, retained, count = dominators(graph, seeds, size)
    assert idom == slow_dominators(graph, seeds)
    assert retained == slow_retained(graph, seeds, size)
    assert count == sum(v != NO_NODE for v in idom)


def check_components(graph: Graph) -> None:
    out = np.zeros(graph.nodes, np.uint32)
    count = _kernels.components(*graph.arrays, out)
    slow = slow_components(graph)
    found = [
        frozenset(np.flatnonzero(out == out[v]).tolist()) if graph.nodes else frozenset()
        for v in range(graph.nodes)
    ]
    assert found == slow
    assert set(out.tolist()) == set(range(count))
    for s, t in graph.strong():
        assert out[s] >= out[t]


@settings(max_examples=1500)
@given(graphs(most=14), st.data())
def test_dominators_and_retained_sizes(graph: Graph, data: st.DataObject) -> None:
    node = st.integers(0, graph.nodes - 1)
    check_dominators(graph, data.draw(st.lists(node, max_size=4)))


@settings(max_examples=500)
@given(st.integers(2, 12), st.randoms(use_true_random=False))
def test_dominators_of_dense_graphs(nodes: int, random: object) -> None:
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    count = int(rng.integers(nodes, 4 * nodes))
    pairs = rng.integers(0, nodes, (count, 2)).tolist()
    check_dominators(Graph(nodes, [(s, t, 1) for s, t in pairs]), [0])


@given(graphs(), st.data())
def test_distances(graph: Graph, data: st.DataObject) -> None:
    node = st.lists(st.integers(0, graph.nodes - 1), max_size=4)
    named, held = data.draw(node), data.draw(node)
    out = np.zeros(graph.nodes, np.uint32)
    count = _kernels.distances(
        *graph.arrays, np.array(named, np.uint32), np.array(held, np.uint32), out
    )
    assert out.tolist() == slow_distances(graph, named, held)
    assert count == int((out != NO_NODE).sum())


@settings(max_examples=500)
@given(graphs(most=16))
def test_components(graph: Graph) -> None:
    check_components(graph)


@pytest.mark.parametrize("graph", SHAPES.values(), ids=SHAPES)
def test_shapes(graph: Graph) -> None:
    check_dominators(graph, [0])
    check_dominators(graph, list(range(graph.nodes)))
    check_dominators(graph, [])
    check_components(graph)


def test_an_empty_heap() -> None:
    empty = Graph(0, [])
    assert dominators(empty, [], []) == ([], [], 0)
    assert _kernels.components(*empty.arrays, np.zeros(0, np.uint32)) == 0
    nothing = np.zeros(0, np.uint32)
    assert _kernels.distances(*empty.arrays, nothing, nothing, np.zeros(0, np.uint32)) == 0


def line(count: int, *, back: bool) -> Graph:
    """A chain of nodes, made without a Python list of its edges."""
    graph = Graph(0, [])
    graph.nodes = count
    each = 2 if back else 1
    offset = np.minimum(np.arange(count + 1, dtype=np.uint64) * each, each * (count - 1))
    target = np.arange(1, count, dtype=np.uint32)
    if back:  # each node but the last leads on, and back to the first
        target = np.stack([target, np.zeros_like(target)], axis=1).ravel()
    graph.offset, graph.target = offset, target
    graph.kind = np.ones(len(target), np.uint8)
    return graph


@pytest.mark.parametrize("back", [False, True])
def test_a_chain_of_a_million(back: bool) -> None:
    graph = line(MILLION, back=back)
    idom, retained = np.zeros(MILLION, np.uint32), np.zeros(MILLION, np.uint64)
    ones = np.ones(MILLION, np.uint64)
    zero = np.zeros(1, np.uint32)
    assert _kernels.dominators(*graph.arrays, zero, ones, idom, retained) == MILLION
    assert idom[0] == MILLION
    assert (idom[1:] == np.arange(MILLION - 1)).all()
    assert (retained == np.arange(MILLION, 0, -1)).all()
    component = np.zeros(MILLION, np.uint32)
    assert _kernels.components(*graph.arrays, component) == (2 if back else MILLION)
    far = np.zeros(MILLION, np.uint32)
    assert _kernels.distances(*graph.arrays, zero, zero[:0], far) == MILLION
    assert (far == np.arange(MILLION)).all()


def test_a_million_that_all_share_one() -> None:
    """A chain whose every node leads to one leaf, and from the end back to each."""
    half = MILLION // 2
    graph = Graph(0, [])
    graph.nodes = half + 1
    onward = np.arange(1, half + 1, dtype=np.uint32)
    onward[-1] = half
    target = np.stack([onward, np.full(half, half, np.uint32)], axis=1).ravel()
    graph.offset = np.append(np.arange(half + 1, dtype=np.uint64) * 2, np.uint64(2 * half))
    graph.target, graph.kind = target, np.ones(len(target), np.uint8)
    idom, retained = np.zeros(half + 1, np.uint32), np.zeros(half + 1, np.uint64)
    seeds = np.zeros(1, np.uint32)
    _kernels.dominators(*graph.arrays, seeds, np.ones(half + 1, np.uint64), idom, retained)
    assert idom[half] == 0
    assert retained[0] == half + 1
    assert retained[1] == half - 1


def test_what_is_out_of_range_is_refused() -> None:
    graph = Graph(2, [(0, 1, 1)])
    bad = np.array([9], np.uint32)
    zero, two, wide = np.zeros(1, np.uint32), np.zeros(2, np.uint32), np.zeros(2, np.uint64)
    torn = np.array([0, 7, 1], np.uint64)
    with pytest.raises(ValueError, match="seed 9 is out of range"):
        _kernels.dominators(*graph.arrays, bad, wide, two, wide.copy())
    with pytest.raises(ValueError, match="seed 9 is out of range"):
        _kernels.distances(*graph.arrays, zero, bad, two)
    for offset, target, words in ((graph.offset, bad, "edge target 9"), (torn, zero, "offset 7")):
        rest = (offset, target, graph.kind, graph.skip)
        with pytest.raises(ValueError, match=words):
            _kernels.dominators(*rest, zero, wide, two, wide.copy())
        with pytest.raises(ValueError, match=words):
            _kernels.distances(*rest, zero, zero, two)
        with pytest.raises(ValueError, match=words):
            _kernels.components(*rest, two)
    with pytest.raises(ValueError, match="idom: 1 items, expected 2"):
        _kernels.dominators(*graph.arrays, zero, wide, zero, wide.copy())
    with pytest.raises(TypeError, match="takes 5 arguments"):
        _kernels.components(graph.offset)  # type: ignore[call-arg]
