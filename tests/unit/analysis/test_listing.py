"""Lists of many objects."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.analysis.listing import Order, list_dominated, list_instances, list_nodes
from leakhunt.analysis.ranking import largest_first
from leakhunt.errors import UsageError
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap
from tests.million import heap_with_a_popular_node
from tests.property.random_heaps import nodes_of


def shop() -> tuple[HeapGraph, list[int]]:
    heap = Heap()
    small = heap.object("shop.Session", size=5)
    large = heap.object("shop.Session", size=40)
    full = heap.object("shop.Session", size=10).set(basket=heap.object("shop.Basket", size=90))
    heap.module("shop", A=small, B=large, C=full)
    graph = HeapGraph(heap.snap())
    return graph, nodes_of(graph, [small, large, full])


def test_instances_in_every_order() -> None:
    graph, (small, large, full) = shop()
    assert list_instances(graph, "shop.Session").nodes.tolist() == [full, large, small]
    by_shallow = list_instances(graph, "Session", Order.SHALLOW)
    assert by_shallow.nodes.tolist() == [large, full, small]
    assert by_shallow.turned().nodes.tolist() == [small, full, large]
    assert list_instances(graph, "Session", Order.ADDRESS).nodes.tolist() == [small, large, full]
    epoch = np.zeros(graph.node_count, np.uint8)
    epoch[small] = 2
    assert list_instances(graph, "Session", epoch).nodes.tolist() == [small, large, full]


def test_some_of_the_instances() -> None:
    graph, (small, large, full) = shop()
    is_leaked = np.zeros(graph.node_count, np.bool_)
    is_leaked[[small, full]] = True
    found = list_instances(graph, "shop.Session", among=is_leaked)
    assert found.nodes.tolist() == [full, small]
    assert [len(found), found.position(small), found.position(large)] == [2, 1, None]
    assert list_nodes(graph, np.array([large, small])).nodes.tolist() == [large, small]


def test_rows_say_what_a_list_shows() -> None:
    heap = Heap()
    heap.module("shop", ITEM=heap.list(heap.str("a text")), KEY=heap.str("KEY"))
    lost = heap.object("shop.Lost", size=3)
    heap.collectable(lost.set(me=lost))
    graph = HeapGraph(heap.snap())
    (row,) = list_instances(graph, "shop.Lost").page()
    assert (row.size_bytes, row.retained_bytes, row.is_garbage) == (3, 0, True)
    values = {row.value for row in list_instances(graph, "builtins.str").page()}
    assert {"a text", "KEY"} <= values
    (listing,) = [r for r in list_instances(graph, "builtins.list").page() if r.has_dominated]
    assert listing.retained_bytes > listing.size_bytes


def test_pages_end_where_the_list_ends() -> None:
    graph, (small, large, _) = shop()
    found = list_instances(graph, "shop.Session")
    assert [row.node for row in found.page(1, 1)] == [large]
    assert [row.node for row in found.page(2)] == [small]
    assert found.page(3) == []


def test_a_type_that_is_not_there() -> None:
    graph, _ = shop()
    with pytest.raises(UsageError, match=r"no object has a type named shop\.Sesion"):
        list_instances(graph, "shop.Sesion")


def test_dominated_adds_up() -> None:
    graph, (_, _, full) = shop()
    (row,) = list_dominated(graph, full).page()
    assert row.type == "shop.Basket"
    c = graph.columns
    for node in range(graph.node_count):
        below = list_dominated(graph, node).page(0, graph.node_count)
        sizes = [row.retained_bytes for row in below]
        assert sizes == sorted(sizes, reverse=True)
        if graph.retained_bytes[node]:
            assert sum(sizes) + c.node_size[node] == graph.retained_bytes[node]
    tops = list_dominated(graph, None).page(0, graph.node_count)
    live = c.node_size[graph.dominators != 0xFFFFFFFF].sum()
    assert sum(row.retained_bytes for row in tops) == live


@given(st.data())
def test_largest_first(data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, 2**32 - 2), unique=True, max_size=30))
    top = data.draw(st.sampled_from([3, 1 << 20, 1 << 63]))
    weights = data.draw(st.lists(st.integers(0, top), min_size=len(ids), max_size=len(ids)))
    found = largest_first(np.array(ids, np.uint32), np.array(weights, np.uint64))
    weight_of = dict(zip(ids, weights, strict=True))
    assert found.tolist() == sorted(ids, key=lambda i: (-weight_of[i], i))


def test_a_million_instances_are_listed_at_once() -> None:
    graph, _ = heap_with_a_popular_node(1_000_000)
    graph.retained_bytes  # noqa: B018  the cache has it
    times = []
    for by in Order:
        before = time.perf_counter()
        assert len(list_instances(graph, "shop.Referrer", by).page(999_990)) == 12
        times.append(time.perf_counter() - before)
    # 100 ms is promised on a quiet machine.
    assert float(np.median(times)) < 0.4
