"""Small views that keep large buffers."""

from __future__ import annotations

import numpy as np

from leakhunt.agent.format import Fact
from leakhunt.analysis.views import kept_buffers, outer_bytes
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj
from tests.property.random_heaps import nodes_of


def kept(heap: Heap, *views: Obj) -> list[tuple[str, int, str, int, int]]:
    graph = HeapGraph(heap.snap())
    found = kept_buffers(graph, np.array(nodes_of(graph, list(views))))
    return [(k.view_type, k.views, k.owner_type, k.owners, k.owners_bytes) for k in found]


def test_arrays_and_their_base() -> None:
    heap = Heap()
    owner = heap.object("numpy.ndarray", size=80_112)
    views = [heap.object("numpy.ndarray", size=112).field("base", owner) for _ in range(3)]
    whole = heap.object("numpy.ndarray", size=80_000).field("base", owner)
    heap.module("shop", HEADS=heap.list(*views, whole))
    assert kept(heap, *views, whole, owner) == [("numpy.ndarray", 3, "numpy.ndarray", 1, 80_112)]


def test_memoryviews_and_their_exporter() -> None:
    heap = Heap()
    exporter = heap.object("builtins.bytearray", size=20_000)
    window = heap.object("builtins.managedbuffer", size=128).set(obj=exporter)
    view = heap.object("builtins.memoryview", size=184).set(managedbuffer=window)
    heap.module("shop", X=view)
    assert kept(heap, view, window) == [("builtins.memoryview", 1, "builtins.bytearray", 1, 20_000)]


def test_memory_outside_the_objects_is_known_where_a_fact_tells() -> None:
    heap = Heap()
    buffers = heap.many(3, "ext.Buffer")
    for buffer in buffers[:2]:
        buffer.fact(Fact.BUFFER_BYTES, 5000)
    heap.module("shop", X=heap.list(*buffers))
    graph = HeapGraph(heap.snap())
    assert outer_bytes(graph, np.array(nodes_of(graph, buffers))) == 10_000
    assert outer_bytes(graph, np.array(nodes_of(graph, buffers[1:]))) == 5_000


def test_no_view_no_buffer() -> None:
    heap = Heap()
    alone = heap.object("numpy.ndarray", size=80_112)
    none = heap.object("builtins.NoneType", size=16)
    heap.module("shop", X=alone.field("base", none))
    assert kept(heap, alone) == []
