"""From a written path to what it names."""

from __future__ import annotations

from itertools import pairwise

import pytest

from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.analysis.nearest import instances, types_named
from leakhunt.analysis.path_grammar import StepKind, read_steps
from leakhunt.analysis.resolve import Resolver
from leakhunt.errors import UsageError
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj
from tests.property.random_heaps import nodes_of


def shop() -> tuple[Heap, dict[str, Obj]]:
    heap = Heap()
    made = {name: heap.object() for name in ("first", "second", "odd", "mine", "inner", "kept")}
    listeners = heap.dict({"tick": heap.list(made["first"], made["second"]), "it's": made["odd"]})
    heap.module("shop", X=heap.object().field("__dict__", heap.dict({"a b": made["inner"]})))
    heap.module("shop.bus", BUS=heap.object("shop.bus.Bus", listeners=listeners))
    heap.module("shop.bus", S=heap.set(made["kept"]))
    heap.frame("thread 'MainThread', serve() at app.py", 31, mine=made["mine"])
    return heap, made


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("shop.bus.BUS.listeners['tick'][0]", ["first"]),
        ("shop.bus.BUS.listeners['tick'][*]", ["first", "second"]),
        ('shop.bus.BUS.listeners["it\'s"]', ["odd"]),
        ("shop.X.__dict__['a b']", ["inner"]),
        ("shop.bus.S{*}", ["kept"]),
        ("thread 'MainThread', serve() at app.py:31, local 'mine'", ["mine"]),
        ("thread '*', serve() at app.py:31, local 'mine'", ["mine"]),
        ("sys.modules['shop.bus'].S{*}", ["kept"]),
    ],
)
def test_a_path_leads_to_its_objects(text: str, names: list[str]) -> None:
    heap, made = shop()
    graph = HeapGraph(heap.snap())
    found = Resolver(graph).resolve(text)
    assert found.nodes.tolist() == sorted(nodes_of(graph, [made[name] for name in names]))
    assert {graph.target(int(e)) for e in found.edges} == set(found.nodes.tolist())


def test_closures_locals_and_hidden_references() -> None:
    heap = Heap()
    captured, waiting, hidden = heap.object(), heap.object(), heap.object()
    task = heap.object("builtins.coroutine").link(EdgeKind.LOCAL, "request", waiting)
    heap.module("shop", f=heap.function(other=heap.object(), wanted=captured), task=task)
    heap.module("shop", odd=heap.object().link(EdgeKind.HIDDEN, 0, hidden))
    graph = HeapGraph(heap.snap())
    resolver = Resolver(graph)
    for text, one in (
        ("shop.f.<closure>['wanted']", captured),
        ("shop.task.<local>['request']", waiting),
        ("shop.odd.<hidden>", hidden),
    ):
        assert resolver.resolve(text).nodes.tolist() == nodes_of(graph, [one])


def test_a_linked_list_and_a_class() -> None:
    heap = Heap()
    links = heap.many(4, "shop.Link")
    for a, b in pairwise(links):
        a.set(next=b)
    heap.module("shop", Q=heap.object(head=links[0]))
    known = heap.set()
    heap.cls("shop.f.<locals>.Local", known=known)
    heap.module("other", x=heap.object("shop.f.<locals>.Local"))
    graph = HeapGraph(heap.snap())
    resolver = Resolver(graph)
    assert resolver.resolve("shop.Q.head(.next)*").nodes.tolist() == nodes_of(graph, links[1:])
    assert resolver.resolve("shop.f.<locals>.Local.known").nodes.tolist() == nodes_of(
        graph, [known]
    )


def test_native_holds_addresses_and_labels() -> None:
    heap = Heap()
    held, called = heap.object("shop.Held"), heap.object()
    held.native = 1
    heap.root(RootKind.INTERPRETER, "atexit callbacks").edges.append((EdgeKind.INDEX, 0, called))
    graph = HeapGraph(heap.snap())
    resolver = Resolver(graph)
    assert resolver.resolve("<native hold> shop.Held").nodes.tolist() == nodes_of(graph, [held])
    assert resolver.resolve("atexit callbacks[0]").nodes.tolist() == nodes_of(graph, [called])
    assert resolver.resolve(f"@{called.address:#x}").nodes.tolist() == nodes_of(graph, [called])
    with pytest.raises(UsageError, match="there is no object at 0x1"):
        resolver.resolve("@0x1")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("shop.bus.BSU", "shop.bus has no .BSU", ".BUS"),
        ("shop.bsu.BUS", "shop has no .bsu", ".bus"),
        ("shop.bus.BUS.listners", "shop.bus.BUS has no .listners", ".listeners"),
        ("shop.bus.BUS.listeners['tock']", "has no ['tock']", "['tick']"),
        ("chop.bus.BUS", "the snapshot knows no chop.bus.BUS", "shop.bus"),
        ("shop.bus.BUS.listeners[", "is no step", "docs/paths.md"),
        ("zzzz", "the snapshot knows no zzzz", "a path begins with"),
        ("<garbage>", "names no single place", "no reference"),
    ],
)
def test_what_is_not_there_gets_the_nearest_names(text: str, message: str, hint: str) -> None:
    heap, _ = shop()
    with pytest.raises(UsageError) as caught:
        Resolver(HeapGraph(heap.snap())).resolve(text)
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_types_by_name() -> None:
    heap = Heap()
    heap.module("a", X=heap.list(*heap.many(3, "shop.Session"), heap.object("shop.Other")))
    heap.module("a", Y=heap.list(heap.object("store.Other")))
    graph = HeapGraph(heap.snap())
    assert len(instances(graph, types_named(graph, "shop.Session"))) == 3
    assert len(instances(graph, types_named(graph, "Session"))) == 3
    with pytest.raises(UsageError, match=r"may be shop.Other or store.Other"):
        types_named(graph, "Other")
    with pytest.raises(UsageError, match="no object has a type named Sesion") as caught:
        types_named(graph, "Sesion")
    assert "Session" in caught.value.hint


def test_a_key_that_was_cut_is_a_prefix() -> None:
    heap = Heap()
    value = heap.object()
    heap.module("shop", D=heap.dict({"k" * 100: value}))
    graph = HeapGraph(heap.snap())
    resolver = Resolver(graph)
    (node,) = nodes_of(graph, [value])
    written = str(resolver.namer.path(node))
    assert "…" in written
    assert resolver.resolve(written).nodes.tolist() == [node]


def test_reading_steps() -> None:
    steps, rest = read_steps(".x(.next|.a.b)*{*}.keys()[*][(…)] and more")
    assert [s.kind for s in steps] == [
        StepKind.NAME, StepKind.REPEAT, StepKind.MEMBER, StepKind.KEYS, StepKind.ODD_KEY,
    ]  # fmt: skip
    assert rest == " and more"
    assert [len(way) for way in steps[1].ways] == [1, 2]
