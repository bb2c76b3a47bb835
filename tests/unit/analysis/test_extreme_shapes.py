"""Shapes that break what is recursive or quadratic."""

from __future__ import annotations

import numpy as np

from leakhunt.analysis.merged_paths import merged_paths
from leakhunt.analysis.mincut import minimum_cut
from leakhunt.analysis.ref_cycles import find_ref_cycles
from leakhunt.analysis.resolve import Resolver
from leakhunt.analysis.retainers import find_retainers
from leakhunt.analysis.whatif import CutStudy
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap
from tests.million import heap_of_links, heap_with_a_popular_node

MILLION = 1_000_000


def links_of(graph: HeapGraph, last: int) -> np.ndarray:
    return np.flatnonzero(graph.columns.node_type == graph.columns.node_type[last])


def test_a_chain_of_a_million() -> None:
    graph, last = heap_of_links(MILLION, is_ring=False)
    resolver = Resolver(graph)
    study = CutStudy(graph, resolver.namer)
    result = study.study([study.reference(resolver.resolve("shop.HEAD.next"))])
    assert result.freed_objects == MILLION - 1
    assert result.collector_objects == 0
    assert len(resolver.resolve("shop.HEAD(.next)*").nodes) == MILLION - 1
    links = links_of(graph, last)
    merged, unnamed = merged_paths(graph, links)
    assert {str(one.path): one.objects for one in merged}["shop.HEAD(.next)*"] == MILLION - 2
    assert unnamed == 0
    (part,) = minimum_cut(graph, links).severed
    assert study.severed(part)[0].path == "shop.HEAD"
    # Its last link alone hangs a million layers deep: that is too far, and it says so.
    assert "too much of the heap" in (minimum_cut(graph, np.array([last])).why_not or "")


def test_a_ring_of_a_million() -> None:
    graph, last = heap_of_links(MILLION, is_ring=True)
    (cycle,) = find_ref_cycles(graph, links_of(graph, last))
    assert (cycle.length, cycle.objects, cycle.components) == (MILLION, MILLION, 1)
    assert len(str(cycle)) < 400
    assert "999,988 more references" in str(cycle)
    resolver = Resolver(graph)
    study = CutStudy(graph, resolver.namer)
    result = study.study([study.reference(resolver.resolve("shop.HEAD"))])
    assert result.collector_objects == MILLION


def test_a_star_of_a_million() -> None:
    graph, node = heap_with_a_popular_node(MILLION)
    found = find_retainers(graph, np.array([node]))
    assert found.why_not == "more than 1000 references hold it"
    assert found.reachable == 1


def test_a_clique_and_a_self_reference() -> None:
    heap = Heap()
    nodes = heap.many(40, "shop.Node")
    for a in nodes:
        a.append(*nodes)
    alone = heap.object("shop.Alone")
    heap.module("shop", A=nodes[0], B=alone.set(me=alone))
    graph = HeapGraph(heap.snap())
    everything = np.arange(graph.columns.heap_count)
    kinds = {str(cycle): cycle.objects for cycle in find_ref_cycles(graph, everything)}
    assert kinds["shop.Alone.me -> shop.Alone"] == 1
    assert kinds["shop.Node[0] -> shop.Node"] == 40


def test_an_empty_heap() -> None:
    graph = HeapGraph(Heap().snap())
    assert find_ref_cycles(graph, np.zeros(0, np.int64)) == ()
    assert merged_paths(graph, np.zeros(0, np.int64)) == ((), 0)
    assert CutStudy(graph).study([]).freed_objects == 0
