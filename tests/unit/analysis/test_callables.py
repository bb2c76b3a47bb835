"""Which function is behind a callable."""

from __future__ import annotations

import numpy as np
import pytest

from leakhunt.agent.format import Fact
from leakhunt.analysis.callables import function_of
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj


def function(heap: Heap) -> Obj:
    code = heap.object("builtins.code").field("co_filename", heap.str("app.py"))
    drawn = heap.object("builtins.function").field("__qualname__", heap.str("Session.on_tick"))
    return drawn.field("__code__", code.fact(Fact.LINE, 14))


def behind(heap: Heap, made: Obj) -> str | None:
    heap.module("app", IT=made)
    graph = HeapGraph(heap.snap())
    addresses = graph.columns.node_address[: graph.columns.heap_count]
    place = function_of(graph, int(np.searchsorted(addresses, made.address)))
    return None if place is None else str(place)


@pytest.mark.parametrize("wrap", ["plain", "method", "partial", "tuple", "handle", "both"])
def test_wrappers_are_looked_through(wrap: str) -> None:
    heap = Heap()
    plain = function(heap)
    method = heap.object("builtins.method").field("__func__", plain)
    made = {
        "plain": plain,
        "method": method,
        "partial": heap.object("functools.partial").field("func", method),
        "tuple": heap.tuple(heap.key(3), method),
        "handle": heap.object("asyncio.events.TimerHandle", _callback=method),
        "both": heap.object("sched.Job", func=heap.object("functools.partial", func=plain)),
    }[wrap]
    assert behind(heap, made) == "Session.on_tick (app.py:14)"


def test_no_function_is_no_guess() -> None:
    heap = Heap()
    assert behind(heap, heap.object("app.Thing", name=heap.str("x"))) is None


def test_a_ring_of_wrappers_ends() -> None:
    heap = Heap()
    ring = heap.object("functools.partial")
    assert behind(heap, ring.field("func", ring)) is None
