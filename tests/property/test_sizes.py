"""Retained, exclusive and shared sizes against brute force by their definitions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.analysis.cuts import Cuts
from leakhunt.analysis.leak_share import Leak, leak_shares
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE
from tests.property.random_heaps import Drawn, drawn_heaps


def some(drawn: Drawn, data: st.DataObject, most: int = 3) -> list[int]:
    """A few reachable objects."""
    alive = drawn.reach(drawn.seeds, set())
    there = [v for v in drawn.objects if v in alive]
    return sorted(data.draw(st.sets(st.sampled_from(there), max_size=most))) if there else []


def size(drawn: Drawn, nodes: set[int]) -> int:
    return sum(int(drawn.graph.columns.node_size[v]) for v in nodes)


@settings(max_examples=1500)
@given(drawn_heaps(), st.data())
def test_retained_and_exclusive(drawn: Drawn, data: st.DataObject) -> None:
    cuts = Cuts(drawn.graph)
    direct, holders = some(drawn, data), some(drawn, data)
    nodes = np.array(direct, np.int64)
    before = drawn.reach(drawn.seeds, set())
    seeds = drawn.seeds | (drawn.immortal & before)
    after = drawn.reach(seeds, set(), frozenset(direct))
    gone = before - after - drawn.immortal
    assert cuts.bytes_of(cuts.retained(nodes)) == size(drawn, gone)
    cut = {e for s, t, e in drawn.edges if s in holders and t in direct}
    freed = before - drawn.reach(seeds, cut)
    found = cuts.bytes_of(cuts.exclusive(np.array(holders, np.int64), nodes))
    assert found == size(drawn, freed)


@settings(max_examples=500)
@given(drawn_heaps())
def test_one_definition_of_what_is_freed(drawn: Drawn) -> None:
    """The dominator tree and the search below a cut agree, and so do they about garbage."""
    graph, cuts = drawn.graph, Cuts(drawn.graph)
    assert ((graph.dominators == NO_NODE) == ~graph.reachable).all()
    for node in np.flatnonzero(graph.reachable).tolist():
        if node not in drawn.immortal:
            freed = cuts.bytes_of(cuts.retained(np.array([node])))
            assert freed == graph.retained_bytes[node]


@settings(max_examples=500)
@given(drawn_heaps())
def test_one_set_of_roots_with_and_without_the_tree(drawn: Drawn) -> None:
    columns = drawn.graph.columns
    objects = set(range(columns.heap_count))
    expected = sorted(drawn.seeds & objects | drawn.immortal)
    bare, grown = HeapGraph(columns), HeapGraph(columns)
    assert len(grown.tree.order) <= grown.node_count
    assert bare.held_roots.tolist() == expected
    assert grown.held_roots.tolist() == expected


@settings(max_examples=1500)
@given(drawn_heaps(), st.data())
def test_what_leaks_hold_together_is_shared_out(drawn: Drawn, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, 3))
    pairs = [(some(drawn, data), some(drawn, data)) for _ in range(number)]
    leaks = [Leak(np.array(a, np.int64), np.array(b, np.int64)) for a, b in pairs]
    found = leak_shares(Cuts(drawn.graph), leaks)
    cut = {e for a, b in pairs for s, t, e in drawn.edges if s in a and t in b}
    before = drawn.reach(drawn.seeds, set())
    freed = before - drawn.reach(drawn.seeds | (drawn.immortal & before), cut)
    outside = {e for s, t, e in drawn.edges if s not in freed or t not in freed}
    reached = [drawn.reach(set(b) & freed, outside) for _, b in pairs]
    for share, mine in zip(found, reached, strict=True):
        exact = sum(
            Fraction(int(drawn.graph.columns.node_size[v]), sum(v in other for other in reached))
            for v in mine
        )
        assert share == pytest.approx(float(exact))
    assert sum(found) == pytest.approx(size(drawn, freed))
