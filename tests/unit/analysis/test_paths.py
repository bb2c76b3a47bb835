"""How places are written."""

from __future__ import annotations

import numpy as np
import pytest

from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.analysis.paths import PathNamer, Step, collapse, quote_key
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj


def name(heap: Heap, made: Obj, **stars: bool) -> str:
    graph = HeapGraph(heap.snap())
    heap_count = graph.columns.heap_count
    node = int(np.searchsorted(graph.columns.node_address[:heap_count], made.address))
    return str(PathNamer(graph).path(node, (lambda _: True) if stars else None))


def test_attributes_keys_and_indexes() -> None:
    heap = Heap()
    leaf = heap.object()
    listeners = heap.dict({"tick": heap.list(heap.object(), leaf)})
    heap.module("shop.bus", BUS=heap.object("shop.bus.Bus", listeners=listeners))
    assert name(heap, leaf) == "shop.bus.BUS.listeners['tick'][1]"
    assert name(heap, leaf, star=True) == "shop.bus.BUS.listeners[*][*]"


def test_a_stand_in_for_a_module_goes_by_the_modules_name() -> None:
    heap = Heap()
    calls = heap.list()
    reactor = heap.object("twisted.internet.epollreactor.EPollReactor", calls=calls)
    heap.sys_modules.put("twisted.internet.reactor", reactor)
    heap.sys_modules.put("no identifier", heap.object("odd.Thing", calls=heap.list(calls)))
    assert name(heap, calls) == "twisted.internet.reactor.calls"
    assert name(heap, reactor) == "twisted.internet.reactor"


def test_an_instance_dict_reads_like_an_attribute() -> None:
    heap = Heap()
    leaf, odd = heap.object(), heap.object()
    namespace = heap.dict({"leaf": leaf, "not a name": odd})
    heap.module("shop", X=heap.object().field("__dict__", namespace))
    assert name(heap, leaf) == "shop.X.leaf"
    assert name(heap, odd) == "shop.X.__dict__['not a name']"
    assert name(heap, namespace) == "shop.X.__dict__"


def test_a_class_attribute() -> None:
    heap = Heap()
    known = heap.set()
    account = heap.cls("shop.model.Account", known=known)
    heap.module("shop", Account=account, X=heap.object("shop.model.Account"))
    assert name(heap, known) == "shop.model.Account.known"


def test_closures_defaults_and_methods() -> None:
    heap = Heap()
    captured, default, receiver = heap.object(), heap.object(), heap.object("shop.Self")
    function = heap.function(other=heap.object(), wanted=captured)
    function.field("__defaults__", heap.tuple(default))
    heap.module("shop", f=function, m=heap.method(receiver, heap.function()))
    assert name(heap, captured) == "shop.f.<closure>['wanted']"
    assert name(heap, default) == "shop.f.__defaults__[0]"
    assert name(heap, receiver) == "shop.m.__self__"


def test_locals_of_frames_and_coroutines() -> None:
    heap = Heap()
    mine, waiting = heap.object(), heap.object()
    coroutine = heap.object("builtins.coroutine").link(EdgeKind.LOCAL, "request", waiting)
    heap.frame("thread 'MainThread', serve() at app.py", 31, mine=mine, task=coroutine)
    start = "thread 'MainThread', serve() at app.py:31, local "
    assert name(heap, mine) == f"{start}'mine'"
    assert name(heap, waiting) == f"{start}'task'.<local>['request']"


def test_sets_keys_and_unknown_keys() -> None:
    heap = Heap()
    member, key, value = heap.object(), heap.tuple(heap.object()), heap.object()
    heap.module("shop", S=heap.set(member), D=heap.dict().put(key, value))
    assert name(heap, member) == "shop.S{*}"
    assert name(heap, key) == "shop.D.keys()[*]"
    assert name(heap, value) == "shop.D[(…)]"


def test_runs_collapse() -> None:
    heap = Heap()
    tail = heap.object("shop.Node")
    node = tail
    for _ in range(10_000):
        node = heap.object("shop.Node", next=node)
    heap.module("shop", HEAD=node)
    assert name(heap, tail) == "shop.HEAD(.next)*"


def test_a_run_is_one_edge_to_one_type() -> None:
    steps = [Step(".a", "attr", 1, "T"), Step(".a", "attr", 2, "T"), Step(".a", "attr", 3, "U")]
    assert collapse(steps) == [("(.a)*", "attr", "T"), (".a", "attr", "U")]


def test_a_native_hold() -> None:
    heap = Heap()
    leaf = heap.object()
    heap.object("shop.Held", leaf=leaf).native = 1
    assert name(heap, leaf) == "<native hold> shop.Held.leaf"


def test_the_interpreter_and_sys_modules() -> None:
    heap = Heap()
    leaf = heap.object()
    root = heap.root(RootKind.INTERPRETER, "interpreter")
    root.edges.append((EdgeKind.FIELD, "codec_search_path", heap.list(leaf)))
    assert name(heap, leaf) == "interpreter.codec_search_path[0]"
    assert name(heap, heap.sys_modules) == "sys.modules"


def test_a_global_of_a_private_module_is_named_by_the_one_it_serves() -> None:
    heap = Heap()
    cache, table = heap.dict(), heap.dict()
    heap.module("_ctypes", cache=cache, table=table)  # imports end before those that import them
    heap.module("ctypes", cache=cache)
    heap.module("shop", cache=cache, table=table)
    assert name(heap, cache) == "ctypes.cache"
    assert name(heap, table) == "_ctypes.table"


@pytest.mark.parametrize("first", ["shop", "shop.bus", "other"])
def test_a_global_is_named_where_it_is_defined(first: str) -> None:
    heap = Heap()
    bus = heap.object("shop.bus.Bus")
    heap.module(first, BUS=bus)
    for module in ("shop", "shop.bus", "other"):
        heap.module(module, BUS=bus)
    assert name(heap, bus) == "shop.bus.BUS"


def test_a_plain_container_is_named_in_the_submodule() -> None:
    heap = Heap()
    pages = heap.dict()
    heap.module("shop", PAGES=pages)
    heap.module("shop.cache", PAGES=pages)
    assert name(heap, pages) == "shop.cache.PAGES"


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("tick", "['tick']"),
        ("it's", '["it\'s"]'),
        ("a\nb", r"['a\nb']"),
        (42, "[42]"),
        (-1, "[-1]"),
        (None, "[(…)]"),
    ],
)
def test_keys(key: str | int | None, written: str) -> None:
    assert quote_key(key) == written


def test_long_keys_are_cut() -> None:
    assert len(quote_key("x" * 500)) == 66
    assert quote_key("x" * 500).endswith("…']")
