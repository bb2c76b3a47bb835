"""What a heap consists of, and where its bytes come together."""

from __future__ import annotations

import numpy as np

from leakhunt.agent.format import NodeFlag
from leakhunt.analysis.retention import accumulations, heap_totals
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap


def test_a_wrapper_is_passed_over_for_what_it_wraps() -> None:
    heap = Heap()
    items = heap.list(*heap.many(50, size=1000))
    heap.module("shop", CACHE=heap.object("shop.Cache", items=items))
    found = accumulations(HeapGraph(heap.snap()), 5)
    assert found[0].path == "shop.CACHE.items"
    assert found[0].retained_bytes == 56 + 50_000
    assert found[0].dominated == 50
    assert len(found) == 5


def test_a_large_buffer_is_a_place_and_a_small_one_is_not() -> None:
    heap = Heap()
    heap.module("shop", RAW=heap.object("builtins.bytes", size=1_000_000), TINY=heap.object())
    paths = [one.path for one in accumulations(HeapGraph(heap.snap()), 100)]
    assert paths == ["shop.RAW"]


def test_a_shared_thing_belongs_to_what_dominates_it() -> None:
    heap = Heap()
    shared = heap.list(*heap.many(20, size=500))
    first, second = heap.object(it=shared), heap.object(it=shared)
    heap.module("shop", PAIR=heap.tuple(first, second))
    assert accumulations(HeapGraph(heap.snap()), 1)[0].path.startswith("shop.PAIR")


def test_totals_are_what_one_counts() -> None:
    heap = Heap()
    a, b = heap.object("shop.A", size=3), heap.object("shop.B", size=4)
    a.set(b=b)
    b.set(a=a)
    heap.collectable(a)
    held, shared, immortal = heap.object(), heap.object(), heap.object()
    held.native = shared.native = 1
    immortal.flags |= NodeFlag.IMMORTAL
    # what something else reaches does not hang from its native hold
    heap.frame("main", 1, shared=shared, immortal=immortal)
    graph = HeapGraph(heap.snap())
    totals = heap_totals(graph)
    assert totals.objects == graph.columns.heap_count
    assert totals.references == graph.columns.edge_count
    assert totals.bytes == int(graph.columns.node_size.sum())
    assert (totals.garbage_objects, totals.garbage_bytes) == (2, 7)
    assert (totals.cycle_components, totals.cycle_objects) == (1, 2)
    assert totals.roots_by_kind["frame"] == totals.roots_by_kind["modules"] == 1
    assert totals.roots_by_kind["native hold"] == totals.roots_by_kind["immortal"] == 1
    assert totals.farthest == int(np.max(graph.distance[graph.distance < 1000]))


def test_an_empty_heap() -> None:
    graph = HeapGraph(Heap().snap())
    assert heap_totals(graph).garbage_objects == 0
    assert len(accumulations(graph, 3)) <= 3
