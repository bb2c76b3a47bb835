"""Neighbours page by page."""

from __future__ import annotations

import time

import numpy as np

from leakhunt.analysis.neighbours import Direction, Neighbours
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap
from tests.million import heap_with_a_popular_node
from tests.property.random_heaps import nodes_of

IN, OUT = Direction.REFERRERS, Direction.REFERENTS


def test_both_directions() -> None:
    heap = Heap()
    thing = heap.object("shop.Thing", size=7)
    both = heap.list(thing, thing)
    watcher = heap.object("shop.Watcher", size=9, t=thing).weak(thing)
    heap.module("shop", L=both, W=watcher)
    graph = HeapGraph(heap.snap())
    node, a, b = nodes_of(graph, [thing, both, watcher])
    found = Neighbours(graph)
    rows = found.page(node, IN)
    assert [(r.node, r.text, r.type) for r in rows] == [
        (a, "[0]", "builtins.list"),
        (a, "[1]", "builtins.list"),
        (b, ".t", "shop.Watcher"),
    ]
    assert found.count(node, IN) == 3
    assert [r.text for r in found.page(node, IN, 1, 1)] == ["[1]"]
    assert [(t.type, t.count) for t in found.types(node, IN)] == [
        ("builtins.list", 2),
        ("shop.Watcher", 1),
    ]
    below = found.page(b, OUT)
    assert [(r.text, r.is_weak, r.size_bytes) for r in below] == [
        (".t", False, 7),
        (".<weak>", True, 7),
    ]
    assert [(t.type, t.count, t.size_bytes) for t in found.types(b, OUT)] == [("shop.Thing", 2, 14)]


def test_a_million_referrers_open_at_once() -> None:
    graph, node = heap_with_a_popular_node(1_000_000)
    found = Neighbours(graph)
    assert found.count(node, IN) == 1_000_000  # builds the reverse edges
    times = []
    for start in (0, 1, 500_000, 999_950):
        before = time.perf_counter()
        assert len(found.page(node, IN, start, 100)) == min(100, 1_000_000 - start)
        assert found.types(node, IN)[0].count == 1_000_000
        times.append(time.perf_counter() - before)
    # 100 ms is promised on a quiet machine.
    assert float(np.median(times)) < 0.4
