"""What would be freed, told of small drawn heaps."""

from __future__ import annotations

import numpy as np

from leakhunt.analysis.mincut import minimum_cut
from leakhunt.analysis.resolve import Resolver
from leakhunt.analysis.whatif import CutStudy, WhatIf
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj
from tests.property.random_heaps import nodes_of


def ask(heap: Heap, *paths: str) -> WhatIf:
    graph = HeapGraph(heap.snap())
    resolver = Resolver(graph)
    study = CutStudy(graph, resolver.namer)
    return study.study([study.reference(resolver.resolve(path)) for path in paths])


def test_all_that_hangs_from_a_reference_goes() -> None:
    heap = Heap()
    sessions = heap.many(3, "shop.Session", size=100)
    for session in sessions:
        session.set(log=heap.object("shop.Log", size=1000))
    heap.module("shop", BUS=heap.object("shop.Bus", listeners=heap.list(*sessions)))
    result = ask(heap, "shop.BUS.listeners")
    assert (result.freed_objects, result.freed_bytes) == (7, 56 + 300 + 3000)
    assert [share.type for share in result.freed] == [
        "shop.Log", "shop.Session", "builtins.list",
    ]  # fmt: skip
    assert result.cuts[0].references == 1
    assert (result.stays_objects, result.collector_objects, result.native_objects) == (0, 0, 0)


def test_who_else_holds_it_is_named() -> None:
    heap = Heap()
    orders = heap.many(4, "shop.Order")
    heap.module("shop", ORDERS=heap.list(*orders))
    heap.module("shop", INDEX=heap.dict({f"k{i}": o for i, o in enumerate(orders)}))
    result = ask(heap, "shop.ORDERS[*]")
    assert result.freed_objects == 0
    assert result.stays_objects == 4
    assert [(k.path, k.type, k.objects) for k in result.keepers] == [
        ("shop.INDEX[*]", "builtins.dict", 4)
    ]
    both = ask(heap, "shop.ORDERS[*]", "shop.INDEX[*]")
    # An entry of a mapping goes as a whole: the keys too.
    assert {s.type: s.count for s in both.freed} == {"shop.Order": 4, "builtins.str": 4}


def test_what_waits_for_the_collector() -> None:
    heap = Heap()
    parent, child = heap.object("shop.Parent"), heap.object("shop.Child")
    parent.set(child=child, text=heap.str("x"))
    child.set(parent=parent)
    heap.module("shop", TREE=heap.list(parent))
    result = ask(heap, "shop.TREE")
    assert result.freed_objects == 5  # the list, the two, the text, and the name TREE
    assert result.collector_objects == 3


def test_what_c_code_may_hold() -> None:
    heap = Heap()
    held = heap.object("shop.Held", size=10)
    held.set(below=heap.object("shop.Below", size=500))
    held.native = 1
    link = heap.object("functools._lru_list_elem")
    link.native = 1
    heap.module("shop", X=heap.list(held, link))
    result = ask(heap, "shop.X")
    assert result.freed_objects == 5
    assert (result.native_objects, result.native_bytes) == (1, 510)
    assert result.native_types == ("shop.Held",)


def test_a_weak_reference_frees_nothing() -> None:
    heap = Heap()
    thing = heap.object()
    heap.module("shop", X=thing, W=heap.object("weakref.ReferenceType").weak(thing))
    result = ask(heap, "shop.W")
    assert {s.type for s in result.freed} == {"weakref.ReferenceType", "builtins.str"}


def test_known_noise_that_loses_its_holder_goes_too() -> None:
    heap = Heap()
    heap.module("linecache", cache=heap.dict({"a": heap.object("shop.Line")}))
    result = ask(heap, "linecache.cache")
    assert {share.type for share in result.freed} == {"builtins.dict", "shop.Line", "builtins.str"}


def test_a_minimum_cut_clears_the_containers_nearest_to_the_population() -> None:
    heap = Heap()
    orders = heap.many(5, "shop.Order")
    heap.module("shop", ORDERS=heap.list(*orders))
    heap.module("shop", INDEX=heap.dict({f"k{i}": o for i, o in enumerate(orders)}))
    graph = HeapGraph(heap.snap())
    study = CutStudy(graph)
    cut = minimum_cut(graph, np.array(nodes_of(graph, orders)))
    paths = {study.severed(part)[0].path for part in cut.severed}
    assert paths == {"shop.INDEX[*]", "shop.ORDERS[*]"}
    assert {part.reaches for part in cut.severed} == {5}


def test_siblings_are_cut_above_them() -> None:
    heap = Heap()
    mails = heap.many(6, "shop.Mail")
    boxes: dict[str | int, Obj] = {
        f"user{i}": heap.list(*mails[2 * i : 2 * i + 2]) for i in range(3)
    }
    heap.module("shop", BY_USER=heap.dict(boxes))
    graph = HeapGraph(heap.snap())
    study = CutStudy(graph)
    (part,) = minimum_cut(graph, np.array(nodes_of(graph, mails))).severed
    assert study.severed(part)[0].path == "shop.BY_USER"
    assert part.reaches == 6


def test_instances_do_not_let_go_of_their_class() -> None:
    heap = Heap()
    registry = heap.list(*heap.many(2, "shop.Part"))
    heap.cls("shop.Model", parts=registry)
    heap.module("shop", X=heap.object("shop.Model"), Y=heap.object("shop.Model"))
    graph = HeapGraph(heap.snap())
    parts = np.flatnonzero(graph.columns.node_type == graph.type_index(nodes_of(graph, [
        o for o in heap.objects if o.type == "shop.Part"
    ])[0]))  # fmt: skip
    (severed,) = minimum_cut(graph, parts).severed
    assert CutStudy(graph).severed(severed)[0].path == "shop.Model.parts[*]"


def test_it_says_when_it_gives_up() -> None:
    heap = Heap()
    thing = heap.object("shop.Thing")
    for i in range(70):
        heap.module("shop", **{f"N{i}": heap.object(f"shop.T{i}", x=thing)})
    graph = HeapGraph(heap.snap())
    node = np.array(nodes_of(graph, [thing]))
    found = minimum_cut(graph, node, most_references=69)
    assert found.why_not == "more than 69 references hold it"
    assert len(minimum_cut(graph, node).severed) == 70
    found = minimum_cut(graph, node, most_work=15_000)
    assert found.why_not == "too much of the heap leads there to search it all"


def test_garbage_has_no_cut() -> None:
    heap = Heap()
    lost = heap.object()
    heap.collectable(lost)
    graph = HeapGraph(heap.snap())
    assert "awaits the collector" in (
        minimum_cut(graph, np.array(nodes_of(graph, [lost]))).why_not or ""
    )


def test_references_written_alike_are_one() -> None:
    heap = Heap()
    mail = heap.object("shop.Mail")
    for _ in range(3):
        held = heap.object("shop.Task", mail=mail)
        held.native = 1
    graph = HeapGraph(heap.snap())
    study = CutStudy(graph)
    cut = minimum_cut(graph, np.array(nodes_of(graph, [mail])))
    result = study.study([study.severed(part) for part in cut.severed])
    assert [(c.path, c.references, c.reaches) for c in result.cuts] == [
        ("<native hold> shop.Task.mail", 3, 3)
    ]
    assert result.freed_objects == 1
