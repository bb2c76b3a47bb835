"""What would be freed."""

from __future__ import annotations

import numpy as np

from leakhunt.agent.format import NodeFlag
from leakhunt.analysis.cuts import Cuts
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj


def nodes(graph: HeapGraph, *made: Obj) -> np.ndarray:
    addresses = graph.columns.node_address[: graph.columns.heap_count]
    return np.searchsorted(addresses, [m.address for m in made])


def test_shared_objects_are_not_freed() -> None:
    heap = Heap()
    shared = heap.object(size=1000)
    a, b = heap.object(size=10, s=shared), heap.object(size=20, s=shared)
    first, second = heap.list(a), heap.list(b)
    heap.module("shop", A=first, B=second)
    graph = HeapGraph(heap.snap())
    cuts = Cuts(graph)
    assert cuts.bytes_of(cuts.retained(nodes(graph, a))) == 10
    assert cuts.bytes_of(cuts.retained(nodes(graph, a, b))) == 1030


def test_another_holder_keeps_them() -> None:
    heap = Heap()
    held = heap.object(size=500)
    only = heap.object(size=70)
    first, second = heap.list(held, only), heap.dict({"k": held})
    heap.module("shop", A=first, B=second)
    graph = HeapGraph(heap.snap())
    cuts = Cuts(graph)
    direct = nodes(graph, held, only)
    assert cuts.bytes_of(cuts.retained(direct)) == 570
    assert cuts.bytes_of(cuts.exclusive(nodes(graph, first), direct)) == 70


def test_immortal_objects_are_never_freed() -> None:
    heap = Heap()
    forever = heap.object(size=900)
    forever.flags = NodeFlag.IMMORTAL
    held = heap.object(size=8, x=forever)
    heap.module("shop", A=heap.list(held))
    graph = HeapGraph(heap.snap())
    cuts = Cuts(graph)
    assert cuts.bytes_of(cuts.retained(nodes(graph, held))) == 8
