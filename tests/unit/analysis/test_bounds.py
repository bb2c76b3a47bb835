"""Bounds that a snapshot shows."""

from __future__ import annotations

import numpy as np

from leakhunt.agent.format import Fact
from leakhunt.analysis.bounds import bound_of, inside_bound
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj


def node_of(graph: HeapGraph, made: Obj) -> int:
    addresses = graph.columns.node_address[: graph.columns.heap_count]
    return int(np.searchsorted(addresses, made.address))


def cache(heap: Heap, entries: int, capacity: int) -> tuple[Obj, Obj]:
    """A bounded cache of a program, and one of its entries."""
    pages = [heap.object("shop.Page", notes=heap.list(heap.object())) for _ in range(entries)]
    mapping = heap.dict({f"page {i}": page for i, page in enumerate(pages)})
    owner = heap.object("shop.Cache", _mapping=mapping).fact(Fact.BOUND, capacity)
    heap.module("shop", CACHE=owner)
    return mapping, pages[0]


def test_a_bound_by_name_and_one_of_its_own() -> None:
    heap = Heap()
    mapping, _ = cache(heap, 5, 10)
    own = heap.list(type_name="collections.deque").fact(Fact.MAXSIZE, 3)
    heap.module("shop", QUEUE=own, PLAIN=heap.dict())
    graph = HeapGraph(heap.snap())
    assert bound_of(graph, node_of(graph, mapping)) == (10, False)
    assert bound_of(graph, node_of(graph, own)) == (3, True)


def test_a_class_known_to_keep_its_bound() -> None:
    heap = Heap()
    known = heap.list()
    heap.module(
        "app",
        LOG=heap.object("logging.handlers.MemoryHandler", buffer=known).fact(Fact.BOUND, 100_000),
    )
    graph = HeapGraph(heap.snap())
    assert bound_of(graph, node_of(graph, known)) == (100_000, True)


def test_a_class_that_fills_up_beyond_its_bound() -> None:
    heap = Heap()
    kept, other = heap.dict(), heap.dict()
    name = "sqlalchemy.util._collections.LRUCache"
    heap.module(
        "app",
        COMPILED=heap.object(name, _data=kept).fact(Fact.BOUND, 5),
        OTHER=heap.object("app.Cache", _data=other).fact(Fact.BOUND, 5),
    )
    graph = HeapGraph(heap.snap())
    assert bound_of(graph, node_of(graph, kept)) == (7, True)
    assert bound_of(graph, node_of(graph, other)) == (5, False)


def test_what_hangs_from_the_entries_of_a_bounded_container() -> None:
    heap = Heap()
    _, page = cache(heap, 5, 10)
    graph = HeapGraph(heap.snap())
    assert inside_bound(graph, node_of(graph, page)) == (10, False)


def test_a_bound_that_is_not_kept_is_none() -> None:
    heap = Heap()
    _, page = cache(heap, 12, 10)
    graph = HeapGraph(heap.snap())
    assert inside_bound(graph, node_of(graph, page)) == (None, False)
