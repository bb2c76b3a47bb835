"""Who keeps what: merged paths, independent paths, ignored retainers."""

from __future__ import annotations

from itertools import pairwise

import pytest

from leakhunt.analysis.resolve import Resolver
from leakhunt.analysis.retainers import Retainers, edges_of_avoided, find_retainers, target_nodes
from leakhunt.errors import UsageError
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj


def ask(heap: Heap, to: str, *avoid: str) -> Retainers:
    graph = HeapGraph(heap.snap())
    resolver = Resolver(graph)
    nodes = target_nodes(graph, resolver, to)
    for text in avoid:
        graph = graph.without(edges_of_avoided(graph, resolver, text))
    return find_retainers(graph, nodes)


def merged(found: Retainers) -> list[tuple[str, int]]:
    return [(str(one.path), one.objects) for one in found.merged]


def places(found: Retainers) -> list[tuple[str, int]]:
    return [(one.place, one.objects) for one in found.independent]


def orders(count: int = 4) -> tuple[Heap, list[Obj]]:
    heap = Heap()
    made = heap.many(count, "shop.Order", size=10)
    heap.module("shop.data", ORDERS=heap.list(*made))
    heap.module("shop", INDEX=heap.dict({f"k{i}": o for i, o in enumerate(made)}))
    return heap, made


def test_paths_that_differ_in_indexes_are_one() -> None:
    heap, _ = orders()
    found = ask(heap, "shop.Order")
    assert sorted(merged(found)) == [("shop.INDEX[*]", 4)] or merged(found) == [
        ("shop.data.ORDERS[*]", 4)
    ]
    assert sorted(places(found)) == [("shop.INDEX[*]", 4), ("shop.data.ORDERS[*]", 4)]
    assert (found.objects, found.bytes, found.unnamed) == (4, 40, 0)


def test_what_they_have_in_common_stays_literal() -> None:
    heap = Heap()
    first, second = heap.many(2, "shop.Session"), heap.many(1, "shop.Session")
    heap.module("shop", B=heap.dict({"a": heap.list(*first), "b": heap.object("x.Y", s=second[0])}))
    assert merged(ask(heap, "shop.Session")) == [("shop.B['a'][*]", 2), ("shop.B['b'].s", 1)]


def test_a_linked_list_is_one_path() -> None:
    heap = Heap()
    links = heap.many(50, "shop.Link")
    for a, b in pairwise(links):
        a.set(next=b)
    heap.module("shop", HEAD=links[0])
    found = ask(heap, "shop.Link")
    assert merged(found) == [("shop.HEAD(.next)*", 48), ("shop.HEAD", 1), ("shop.HEAD.next", 1)]


def test_what_is_avoided_keeps_nothing() -> None:
    heap, made = orders()
    heap.module("logging", LAST=made[0])
    heap.module("logging.handlers", MINE=made[1])
    for avoid, kept in (
        (["shop.data"], ("shop.INDEX[*]", 4)),
        (["shop.INDEX"], ("shop.data.ORDERS[*]", 4)),
        (["builtins.list"], ("shop.INDEX[*]", 4)),
    ):
        found = ask(heap, "shop.Order", *avoid)
        assert kept in places(found)
        assert found.reachable == 4
    found = ask(heap, "shop.Order", "shop")
    assert sorted(merged(found)) == [("logging.LAST", 1), ("logging.handlers.MINE", 1)]
    assert ask(heap, "shop.Order", "shop", "logging").reachable == 0


def test_weak_references_keep_nothing() -> None:
    heap = Heap()
    lost = heap.object("shop.Lost")
    heap.collectable(lost)
    heap.module("shop", W=heap.object("weakref.ReferenceType").weak(lost))
    found = ask(heap, "shop.Lost")
    assert (found.objects, found.reachable, found.merged) == (1, 0, ())


def test_noise_comes_last_with_its_reason() -> None:
    heap = Heap()
    heap.module("linecache", cache=heap.list(*heap.many(5, "shop.Line")))
    heap.module("shop", LINES=heap.list(*heap.many(2, "shop.Line")))
    found = ask(heap, "shop.Line")
    assert merged(found) == [("shop.LINES[*]", 2), ("linecache.cache[*]", 5)]
    assert [one.noise for one in found.merged] == [None, "source lines kept for tracebacks"]
    assert [one.noise for one in found.independent] == [None, "source lines kept for tracebacks"]


def test_several_names_of_one_module() -> None:
    heap = Heap()
    heap.module("shop", A=heap.object("shop.T"), B=heap.object("shop.T"))
    (one,) = ask(heap, "shop.T").independent
    assert (one.place, one.references, one.objects) == ("shop.*", 2, 2)
    graph = HeapGraph(heap.snap())
    assert set(target_nodes(graph, Resolver(graph), "shop.T").tolist()) <= set(
        Resolver(graph).resolve("shop.*").nodes.tolist()
    )


def test_references_that_no_edge_explains_are_told() -> None:
    heap = Heap()
    held = heap.object("shop.Held")
    held.native = 3
    heap.module("shop", X=held)
    found = ask(heap, "shop.Held")
    assert (found.native_objects, found.native_references) == (1, 3)


def test_a_target_is_a_type_or_a_path() -> None:
    heap, made = orders()
    graph = HeapGraph(heap.snap())
    resolver = Resolver(graph)
    assert len(target_nodes(graph, resolver, "Order")) == 4
    assert len(target_nodes(graph, resolver, "shop.INDEX['k1']")) == 1
    assert len(target_nodes(graph, resolver, f"@{made[0].address:x}")) == 1
    with pytest.raises(UsageError, match="no object has a type named Ordre"):
        target_nodes(graph, resolver, "Ordre")
    with pytest.raises(UsageError, match=r"shop has no .INDX"):
        target_nodes(graph, resolver, "shop.INDX")
