"""Dead captures on hand-drawn graphs: each kind with its twin that reads the variable."""

from __future__ import annotations

import numpy as np
import pytest

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.dead import dead_captures
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj


def function(heap: Heap, name: str, variables: list[str], unread: int, arguments: int) -> Obj:
    """A function; ``unread``: bits of the variables that its code never reads."""
    names = heap.tuple(*(heap.str(one) for one in variables))
    code = heap.object("builtins.code").field("co_localsplusnames", names)
    code.field("co_filename", heap.str("shop.py")).fact(Fact.LINE, 7)
    if unread:
        code.fact(Fact.UNREAD, unread).fact(Fact.ARGUMENTS, arguments)
    made = heap.object("builtins.function").field("__code__", code)
    return made.field("__qualname__", heap.str(name))


def told(heap: Heap, made: Obj) -> list[str]:
    heap.module("app", X=made)
    graph = HeapGraph(heap.snap())
    addresses = graph.columns.node_address[: graph.columns.heap_count]
    node = int(np.searchsorted(addresses, made.address))
    return [str(capture) for capture in dead_captures(graph, node)]


@pytest.mark.parametrize(("unread", "said"), [(1, ["`self` of Page.show (shop.py:7)"]), (0, [])])
def test_a_bound_method_that_never_reads_self(unread: int, said: list[str]) -> None:
    heap = Heap()
    show = function(heap, "Page.show", ["self", "event"], unread, 2)
    assert told(heap, heap.method(heap.object("shop.Page"), show)) == said


@pytest.mark.parametrize(("unread", "said"), [(0b10, ["`job` of run (shop.py:7)"]), (0b100, [])])
def test_an_argument_that_a_partial_binds(unread: int, said: list[str]) -> None:
    heap = Heap()
    run = function(heap, "run", ["tries", "job", "other"], unread, 3)
    bound = heap.tuple(heap.object("shop.Tries"), heap.object("shop.Job"))
    partial = heap.object("functools.partial").field("func", run).field("args", bound)
    assert told(heap, partial) == said


def test_a_partial_of_a_method_counts_self() -> None:
    heap = Heap()
    method = heap.method(heap.object("shop.Page"), function(heap, "f", ["self", "a"], 0b10, 2))
    bound = heap.tuple(heap.object("shop.Job"))
    partial = heap.object("functools.partial").field("func", method).field("args", bound)
    assert told(heap, partial) == ["`a` of f (shop.py:7)"]


def test_an_argument_that_a_partial_binds_by_name() -> None:
    heap = Heap()
    run = function(heap, "run", ["job", "log"], 0b10, 1)
    named = heap.dict({"log": heap.object("shop.Log"), "job": heap.object("shop.Job")})
    partial = heap.object("functools.partial").field("func", run).field("keywords", named)
    assert told(heap, partial) == ["`log` of run (shop.py:7)"]


def test_a_default_value_that_is_never_read() -> None:
    heap = Heap()
    f = function(heap, "f", ["a", "b", "c"], 0b101, 3)
    f.field("__defaults__", heap.tuple(heap.object("shop.B"), heap.object("shop.C")))
    assert told(heap, f) == ["`c` of f (shop.py:7)"]


@pytest.mark.parametrize(("unread", "said"), [(0b10, ["`document` of count (shop.py:9)"]), (0, [])])
def test_a_variable_of_a_suspended_generator(unread: int, said: list[str]) -> None:
    heap = Heap()
    code = function(heap, "count", ["total", "document"], 0, 2)
    generator = heap.object("builtins.generator").field("__qualname__", heap.str("count"))
    (code_of,) = [target for _, name, target in edges_of(code) if name == "__code__"]
    generator.field("code", code_of).fact(Fact.LINE, 9)
    generator.link(EdgeKind.LOCAL, "total", heap.object("builtins.int"))
    generator.link(EdgeKind.LOCAL, "document", heap.object("shop.Document"))
    if unread:
        generator.fact(Fact.UNREAD, unread | 1)  # the number keeps nothing worth a word
    assert told(heap, generator) == said


def test_a_task_is_asked_for_its_coroutine() -> None:
    heap = Heap()
    code = function(heap, "work", ["page"], 0, 1)
    (code_of,) = [target for _, name, target in edges_of(code) if name == "__code__"]
    coroutine = heap.object("builtins.coroutine").field("__qualname__", heap.str("work"))
    coroutine.field("code", code_of).fact(Fact.LINE, 3).fact(Fact.UNREAD, 1)
    coroutine.link(EdgeKind.LOCAL, "page", heap.object("shop.Page"))
    task = heap.object("_asyncio.Task").field("task_coro", coroutine)
    assert told(heap, task) == ["`page` of work (shop.py:3)"]


def test_what_binds_nothing_keeps_nothing() -> None:
    heap = Heap()
    f = function(heap, "f", ["a"], 1, 1)
    assert told(heap, f) == []


def edges_of(made: Obj) -> list[tuple[EdgeKind, object, Obj]]:
    return [(edge[0], edge[1], edge[2]) for edge in made.edges]
