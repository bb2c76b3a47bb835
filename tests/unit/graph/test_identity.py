"""Which object is which, by marks, by address, by place."""

from __future__ import annotations

import numpy as np
import pytest

from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.identity import LinkKind, compose, link
from tests.builders import Heap


def two(heap: Heap) -> tuple[HeapGraph, HeapGraph]:
    a = heap.snap("a")
    return HeapGraph(a), HeapGraph(heap.snap("b"))


def test_the_same_heap_is_the_same() -> None:
    heap = Heap()
    heap.module("shop", A=heap.list(*heap.many(5)))
    before, after = two(heap)
    found = link(before, after)
    assert found.kind is LinkKind.MARKED
    assert found.earlier.tolist() == list(range(before.node_count))


def test_a_marked_newborn_at_an_old_address_is_new() -> None:
    heap = Heap()
    module = heap.module("shop", A=heap.object("shop.A", address=0x90000))
    before = HeapGraph(heap.snap())
    module.put("A", heap.object("shop.A", address=0x90000))
    after = HeapGraph(heap.snap())
    at = int(np.searchsorted(after.columns.node_address[:-1], 0x90000))
    assert link(before, after).earlier[at] == -1


def test_an_unmarked_object_of_another_type_is_new() -> None:
    """Types of one extension may share a free list: multidict's do, and no mark sees it."""
    heap = Heap()
    module = heap.module("shop", A=heap.object("multidict.MultiDict", address=0x90000))
    before = HeapGraph(heap.snap())
    module.put("A", heap.object("multidict.CIMultiDict", address=0x90000))
    after = HeapGraph(heap.snap(born=[]))
    at = int(np.searchsorted(after.columns.node_address[:-1], 0x90000))
    found = link(before, after)
    assert found.kind is LinkKind.MARKED
    assert found.earlier[at] == -1


def test_by_address_the_same_type_passes_for_old() -> None:
    heap = Heap(method="none")
    module = heap.module("shop", A=heap.object("shop.A", address=0x90000))
    before = HeapGraph(heap.snap())
    module.put("A", heap.object("shop.A", address=0x90000))
    same = HeapGraph(heap.snap(born=[]))
    module.put("A", heap.object("shop.Other", address=0x90000))
    other = HeapGraph(heap.snap(born=[]))
    at = int(np.searchsorted(before.columns.node_address[:-1], 0x90000))
    found = link(before, same)
    assert found.kind is LinkKind.ADDRESS
    assert found.earlier[at] == at
    assert link(same, other).earlier[at] == -1


def test_a_snapshot_left_out_breaks_the_chain() -> None:
    heap = Heap()
    heap.module("shop", A=heap.object())
    a = heap.snap()
    heap.snap()
    c = heap.snap()
    assert link(HeapGraph(a), HeapGraph(c)).kind is LinkKind.ADDRESS


def test_places_match_by_rank() -> None:
    def program(pid: int, count: int) -> HeapGraph:
        heap = Heap(pid=pid)
        heap.many(pid)
        heap.module("shop", A=heap.set(*heap.many(count)), B=heap.object("shop.B"))
        return HeapGraph(heap.snap())

    before, after = program(1, 3), program(2, 5)
    found = link(before, after)
    assert found.kind is LinkKind.PLACE
    assert (found.earlier < 0).sum() == 2
    for node in np.flatnonzero(found.earlier >= 0).tolist():
        assert before.type_name(int(found.earlier[node])) == after.type_name(node)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_compose(steps: int) -> None:
    shift = np.array([-1, 0, 1, 2], np.int32)
    expected = [i - steps if i >= steps else -1 for i in range(4)]
    assert compose([shift] * steps).tolist() == expected
