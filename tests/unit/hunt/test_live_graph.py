"""Ways and names in the living heap, against those of a snapshot of the same heap."""

from __future__ import annotations

import asyncio
import collections
import contextvars
import functools
import gc
import sys
import threading
import tracemalloc
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leakhunt.agent import snapshots
from leakhunt.analysis.paths import PathNamer
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.hunt.within.live_graph import LiveGraph
from leakhunt.hunt.within.ways import find_ways
from leakhunt.store.stream import read_stream


class Leaf:
    """What is looked for."""


class Plain:
    """Keeps its attributes as most objects do."""

    def __init__(self, one: object) -> None:
        self.kept = one

    def method(self) -> None:
        """Bound, it keeps the object."""


class WithDict(Plain):
    """Its dict of attributes was asked for."""

    def __init__(self, one: object) -> None:
        super().__init__(one)
        vars(self)["more"] = 1


class Slots:
    """Keeps its attributes in slots."""

    __slots__ = ("kept", "unset")

    def __init__(self, one: object) -> None:
        self.kept = one


class OwnList(list[object]):
    """A list with attributes."""


class OwnDict(dict[str, object]):
    """A dict with attributes."""


class Linked:
    """One link of a chain."""

    def __init__(self, following: object) -> None:
        self.following = following


def _closure(one: object) -> Callable[..., object]:
    return lambda: one


def _default(one: object) -> Callable[..., object]:
    def function(first: object = one, *, second: object = 1) -> object:
        return first, second

    return function


def _keyword(one: object) -> Callable[..., object]:
    def function(*, second: object = one) -> object:
        return second

    return function


def _with_attribute(one: object) -> Callable[..., object]:
    def function() -> None: ...

    function.kept = one  # type: ignore[attr-defined]
    return function


def _generator(one: object) -> Iterator[object]:
    def run() -> Iterator[object]:
        local = one
        yield 1
        yield local

    running = run()
    next(running)
    return running


def _generator_with_cell(one: object) -> Iterator[object]:
    def run() -> Iterator[object]:
        local = [one]
        yield lambda: local

    running = run()
    next(running)
    return running


def _outer_generator(one: object) -> Iterator[object]:
    def run() -> Iterator[object]:
        yield from _generator(one)

    running = run()
    next(running)
    return running


def _future(loop: asyncio.AbstractEventLoop) -> Any:
    return asyncio.Future(loop=loop)


def _resolved(one: object) -> Any:
    future = _future(_LOOP)
    future.set_result(one)
    return future


def _with_callback(one: object) -> Any:
    future = _future(_LOOP)
    future.add_done_callback(functools.partial(print, one))
    return future


async def _coroutine(one: object) -> None:
    local = one
    await asyncio.sleep(0)
    assert local is one


def _started(one: Any) -> object:
    one.send(None)
    return one


def _cached(one: object) -> Any:
    @functools.lru_cache(maxsize=3)
    def function(number: int) -> object:
        return one

    function(7)
    return function


def _unbounded(one: object) -> Any:
    @functools.cache
    def function(number: int) -> object:
        return one

    function(7)
    return function


def _local(one: object) -> threading.local:
    local = threading.local()
    local.kept = one
    return local


def _error(one: object) -> BaseException:
    def fail() -> None:
        local = one
        raise ValueError(local is None)

    try:
        fail()
    except ValueError as exc:
        return exc
    raise AssertionError


def _own_list(one: object) -> OwnList:
    own = OwnList([1])
    own.kept = one  # type: ignore[attr-defined]
    return own


def _class(one: object) -> type:
    return type("Made", (Plain,), {"kept": one})


def _chain(one: object) -> object:
    for _ in range(30):
        one = Linked(one)
    return one


def _context(one: object) -> contextvars.Context:
    context = contextvars.Context()
    context.run(_VARIABLE.set, one)
    return context


_LOOP: Any = types.SimpleNamespace(get_debug=bool, call_soon=print)
_VARIABLE: contextvars.ContextVar[object] = contextvars.ContextVar("variable")


def _module(one: object) -> types.ModuleType:
    module = types.ModuleType("inner")
    module.kept = one  # type: ignore[attr-defined]
    return module


SHAPES: dict[str, Callable[[Any], object]] = {
    "list": lambda one: [0, one],
    "nested": lambda one: {"a": [(1, {2: one})]},
    "int key": lambda one: {41: one},
    "tuple key": lambda one: {(1, 2): one},
    "long key": lambda one: {"k" * 100: one},
    "key": lambda one: {one: 1},
    "set": lambda one: {one},
    "frozenset": lambda one: frozenset([one]),
    "deque": lambda one: collections.deque([0, one]),
    "ordered": lambda one: collections.OrderedDict(a=one),
    "defaultdict": lambda one: collections.defaultdict(list, a=[one]),
    "counter": lambda one: collections.Counter({one: 1}),
    "plain": Plain,
    "with dict": WithDict,
    "slots": Slots,
    "own list": lambda one: OwnList([0, one]),
    "own list's attribute": _own_list,
    "own dict": lambda one: OwnDict(a=one),
    "closure": _closure,
    "default": _default,
    "keyword": _keyword,
    "function's attribute": _with_attribute,
    "method": lambda one: Plain(one).method,
    "partial": lambda one: functools.partial(print, one),
    "partial's keywords": lambda one: functools.partial(print, end=one),
    "generator": _generator,
    "generator with cell": _generator_with_cell,
    "outer generator": _outer_generator,
    "resolved": _resolved,
    "with callback": _with_callback,
    "coroutine": lambda one: _started(_coroutine(one)),
    "cached": _cached,
    "unbounded": _unbounded,
    "local": _local,
    "error": _error,
    "class": lambda one: _class(one)(None),
    "chain": _chain,
    "namespace": lambda one: types.SimpleNamespace(kept=one),
    "proxy": lambda one: types.MappingProxyType({"a": one}),
    "property": lambda one: property(_closure(one)),
    "static method": lambda one: staticmethod(_closure(one)),
    "weak values": lambda one: [weakref.WeakValueDictionary(a=one), one],
    "weak keys": lambda one: weakref.WeakKeyDictionary({Leaf: one}),
    "callback": lambda one: weakref.ref(Leaf, functools.partial(print, one)),
    "context": _context,
    "built-in method": lambda one: [one].append,
    "module": _module,
    "cell": types.CellType,
    "slice": slice,
    "exception": ValueError,
}


@pytest.fixture
def holder() -> Iterator[types.ModuleType]:
    module = types.ModuleType("shapes_of_test")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def test_paths_are_those_of_a_snapshot(holder: types.ModuleType, tmp_path: Path) -> None:
    leaves = {}
    for name, make in SHAPES.items():
        leaf = Leaf()
        leaves[name] = id(leaf)
        setattr(holder, name.replace(" ", "_").replace("'", ""), make(leaf))
        del leaf
    snapshots.capture(tmp_path / "a.lkheap")
    graph = HeapGraph(read_stream(tmp_path / "a.lkheap"))
    live = LiveGraph(find_ways(sorted(leaves.values()), []))
    of_snapshot, of_heap = PathNamer(graph), PathNamer(live)
    heap = graph.columns.node_address[: graph.columns.heap_count]
    found = {id(live.object(node)): node for node in live.found}
    expected = {
        name: str(of_snapshot.path(int(np.searchsorted(heap, np.uint64(address)))))
        for name, address in leaves.items()
    }
    # Which result is in which link of a bounded cache only a snapshot tells.
    expected["cached"] = expected["cached"].replace("[7]", "[*]")
    assert {name: str(of_heap.path(found[address])) for name, address in leaves.items()} == expected


def _path(one: object) -> str:
    graph = LiveGraph(find_ways([id(one)], []))
    assert len(graph.found) == 1
    return str(PathNamer(graph).path(graph.found[0]))


def test_no_code_of_the_program_runs(holder: types.ModuleType) -> None:
    called: list[str] = []

    class Meta(type):
        def __eq__(cls, other: object) -> bool:
            called.append("__eq__")
            return cls is other

        __hash__ = None  # type: ignore[assignment]

        def __getattribute__(cls, name: str) -> Any:
            called.append(name)
            return super().__getattribute__(name)

    class Own(list[object], metaclass=Meta):
        def __getattribute__(self, name: str) -> Any:
            called.append(name)
            return super().__getattribute__(name)

        def __iter__(self) -> Iterator[object]:
            called.append("__iter__")
            return iter(())

    leaf = Leaf()
    own = Own()
    list.append(own, leaf)
    holder.own = own  # type: ignore[attr-defined]
    called.clear()
    graph = LiveGraph(find_ways([id(leaf), id(own)], []))
    paths = [str(PathNamer(graph).path(node)) for node in graph.found]
    assert len({graph.signature(node) for node in graph.found}) == 2
    assert called == []
    assert paths == ["shapes_of_test.own[0]", "shapes_of_test.own"]


def test_names_of_a_frame_are_not_asked_of_a_mapping_of_the_program(
    holder: types.ModuleType,
) -> None:
    called: list[str] = []

    class Names(dict[str, object]):
        def items(self) -> Any:
            called.append("items")
            return super().items()

    leaf = Leaf()
    try:
        exec("one = leaf\nraise ValueError", {}, Names(leaf=leaf))
    except ValueError as exc:
        holder.error = exc.__traceback__  # type: ignore[attr-defined]
    holder.frame = holder.error.tb_next.tb_frame  # type: ignore[attr-defined]
    del holder.error
    assert _path(leaf).startswith("shapes_of_test.frame.")
    assert called == []


def test_annotations_are_not_made(holder: types.ModuleType) -> None:
    leaf = Leaf()

    def function(first: int, second: str) -> None: ...

    function.kept = leaf  # type: ignore[attr-defined]
    holder.function = function  # type: ignore[attr-defined]
    before = [type(part) for part in gc.get_referents(function)]
    assert _path(leaf) == "shapes_of_test.function.kept"
    assert [type(part) for part in gc.get_referents(function)] == before


def test_attributes_that_no_instance_gives(holder: types.ModuleType) -> None:
    class Other:
        __slots__ = ("slot",)

    class Stranger:
        __slots__ = ("kept",)
        __dict__ = vars(Leaf)["__dict__"]
        other = vars(Other)["slot"]

    leaf, stranger = Leaf(), Stranger()
    stranger.kept = leaf  # type: ignore[attr-defined]
    holder.stranger = stranger  # type: ignore[attr-defined]
    assert _path(leaf) == "shapes_of_test.stranger.kept"


def test_a_key_of_thousands_of_digits(holder: types.ModuleType) -> None:
    leaf = Leaf()
    holder.table = {10**5000: leaf}  # type: ignore[attr-defined]
    assert _path(leaf) == "shapes_of_test.table[(…)]"


def test_a_dict_that_another_thread_changes(holder: types.ModuleType) -> None:
    leaf = Leaf()
    table: dict[object, object] = dict.fromkeys(range(100_000))
    table["leaf"] = leaf
    holder.table = table  # type: ignore[attr-defined]
    is_over = threading.Event()

    def change() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            table[f"more {number}"] = number
            table.pop(f"more {number - 1000}", None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        assert {_path(leaf) for _ in range(3)} == {"shapes_of_test.table['leaf']"}
    finally:
        is_over.set()
        thread.join()


def test_links_of_a_chain_share_their_way(holder: types.ModuleType) -> None:
    chain: Any = None
    links = []
    for _ in range(20_000):  # 1.6 GB if each had a way of its own
        chain = Linked(chain)
        links.append(id(chain))
    holder.chain = chain  # type: ignore[attr-defined]
    tracemalloc.start()
    try:
        graph = LiveGraph(find_ways(links, []))
        assert len(graph.found) == len(links)
        assert len({graph.signature(node) for node in graph.found}) < 5
        assert tracemalloc.get_traced_memory()[1] < len(links) * 4_000
    finally:
        tracemalloc.stop()
        while chain is not None:  # link by link, as a long chain that goes at once is too deep
            chain = chain.following
