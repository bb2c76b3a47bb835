"""What counts as a root, and what follows: dominators, retained sizes, distances, components."""

from __future__ import annotations

import numpy as np

from leakhunt.agent.format import NodeFlag
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE
from tests.builders import Heap, Obj


def node_of(graph: HeapGraph, made: Obj) -> int:
    heap = graph.columns.node_address[: graph.columns.heap_count]
    return int(np.searchsorted(heap, made.address))


def test_a_shared_object_is_dominated_by_what_all_paths_pass() -> None:
    heap = Heap()
    shared, left, right = heap.object(size=100), heap.object(size=10), heap.object(size=20)
    left.set(it=shared)
    right.set(it=shared)
    both = heap.list(left, right)
    heap.module("shop", BOTH=both)
    graph = HeapGraph(heap.snap())
    above = node_of(graph, both)
    for below in (left, right, shared):
        assert graph.dominators[node_of(graph, below)] == above
    assert graph.retained_bytes[above] == 56 + 10 + 20 + 100
    assert graph.retained_bytes[node_of(graph, left)] == 10
    assert graph.distance[node_of(graph, shared)] == graph.distance[above] + 2


def test_what_c_code_alone_holds_is_a_root() -> None:
    heap = Heap()
    below = heap.object(size=64)
    below.native = 1
    held = heap.object(size=8, below=below)
    held.native = 1
    graph = HeapGraph(heap.snap())
    node = node_of(graph, held)
    assert node in graph.held_roots
    assert graph.dominators[node] == graph.node_count
    assert graph.retained_bytes[node] == 8  # C code holds the other one too, and nothing else does
    assert graph.distance[node] == 1


def test_what_c_code_holds_beside_a_module_is_the_modules() -> None:
    heap = Heap()
    inner = heap.object(size=64)
    held = heap.object(size=8, inner=inner)
    held.native = 1
    names = heap.list(held)
    heap.module("shop", NAMES=names)
    graph = HeapGraph(heap.snap())
    node = node_of(graph, held)
    assert node not in graph.held_roots
    assert graph.dominators[node] == node_of(graph, names)
    assert graph.retained_bytes[node] == 8 + 64
    assert graph.retained_bytes[node_of(graph, names)] == 56 + 8 + 64


def test_immortal_objects_are_roots() -> None:
    heap = Heap()
    kept = heap.object(size=64)
    immortal = heap.tuple(kept)
    immortal.flags |= NodeFlag.IMMORTAL
    owner = heap.list(immortal)
    heap.module("shop", OWNER=owner)
    graph = HeapGraph(heap.snap())
    assert graph.dominators[node_of(graph, immortal)] == graph.node_count
    assert graph.retained_bytes[node_of(graph, owner)] == 56
    assert graph.retained_bytes[node_of(graph, immortal)] == 56 + 64


def test_weak_references_never_retain() -> None:
    heap = Heap()
    target = heap.object(size=64)
    heap.module("shop", REF=heap.object("weakref.ReferenceType", size=16).weak(target))
    owner = heap.list(target)
    heap.frame("main", 1, owner=owner)
    graph = HeapGraph(heap.snap())
    assert graph.dominators[node_of(graph, target)] == node_of(graph, owner)
    assert graph.retained_bytes[node_of(graph, owner)] == 56 + 64


def test_garbage_has_no_dominator_but_a_component() -> None:
    heap = Heap()
    a, b, live = heap.object(size=1), heap.object(size=2), heap.object(size=4)
    a.set(b=b)
    b.set(a=a, live=live)
    heap.collectable(a)
    heap.module("shop", LIVE=live)
    graph = HeapGraph(heap.snap())
    first, second, third = (node_of(graph, made) for made in (a, b, live))
    assert graph.dominators[first] == graph.dominators[second] == NO_NODE
    assert graph.distance[first] == NO_NODE
    assert graph.retained_bytes[[first, second]].tolist() == [0, 0]
    assert graph.component[first] == graph.component[second] != graph.component[third]
    assert graph.retained_bytes[third] == 4


def test_everything_reachable_is_retained_by_the_roots_together() -> None:
    heap = Heap()
    things = heap.many(20)
    for thing, other in zip(things, [*things[7:], *things[:7]], strict=True):
        thing.set(other=other)
    heap.module("shop", THINGS=heap.list(*things[:3]))
    graph = HeapGraph(heap.snap())
    top = graph.dominators == graph.node_count
    reached = graph.dominators != NO_NODE
    assert graph.retained_bytes[top].sum() == graph.columns.node_size[reached].sum()
    assert (reached == graph.reachable).all()


def test_an_empty_heap() -> None:
    graph = HeapGraph(Heap().snap())
    assert graph.distance[graph.columns.heap_count :].tolist() == [0]
    assert len(graph.dominators) == len(graph.component) == graph.node_count
