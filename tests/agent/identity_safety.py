"""Runs inside a target: what could go wrong while births are watched.

``PYTHON -m tests.agent.identity_safety AGENT.so HELPER.so SCENARIO lost|identity``: standard
library only.  Each scenario raises AssertionError when something is not as it should be; the
last line says ``done``, and what the interpreter does after it is part of the test.
"""

# As little as possible is imported in a target.
# ruff: noqa: PTH108, PTH116, PTH123
from __future__ import annotations

import asyncio
import atexit
import collections
import ctypes
import gc
import json
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from tests.agent.agent_loader import header, load

DEPTH = 1_000_000
SMALL_STACK = 256 << 10
WATCHED = (
    tuple, list, dict, slice, float, MemoryError, type(__import__("contextvars").Context()),
)  # fmt: skip


class TupleChild(tuple[Any, ...]):
    __slots__ = ()


class ListChild(list[Any]):
    pass


class DictChild(dict[Any, Any]):
    pass


def nest(wrappers: list[Callable[[Any], Any]], depth: int = DEPTH) -> Any:
    made: Any = None
    for i in range(depth):
        made = wrappers[i % len(wrappers)](made)
    return made


NESTS: dict[str, list[Callable[[Any], Any]]] = {
    "tuple": [lambda x: (x,)],
    "list": [lambda x: [x]],
    "dict": [lambda x: {"k": x}],
    "mixed": [lambda x: (x,), lambda x: [x], lambda x: {"k": x}],
    "tuple subclass": [lambda x: TupleChild((x,))],
    "list subclass": [lambda x: ListChild([x])],
    "dict subclass": [lambda x: DictChild(k=x)],
    "mixed subclasses": [
        lambda x: TupleChild((x,)), lambda x: (x,), lambda x: ListChild([x]), lambda x: [x],
        lambda x: DictChild(k=x), lambda x: {"k": x}, lambda x: collections.OrderedDict(k=x),
    ],
}  # fmt: skip


class Helper:
    """The C helper, typed."""

    def __init__(self, path: str) -> None:
        self.library = ctypes.PyDLL(path)
        self.library.make_static_type.restype = ctypes.py_object
        self.library.dealloc_of.argtypes = [ctypes.py_object]
        self.library.dealloc_of.restype = ctypes.c_uint64
        self.library.chain_calls.restype = ctypes.c_long

    def look(self) -> list[int]:
        """Allocators of all domains, tracer, deallocators of the types with free lists."""
        seen = (ctypes.c_uint64 * 17)()
        self.library.look(seen)
        types = (*WATCHED, *types_by_name())
        return [*seen, *(self.library.dealloc_of(type_) for type_ in types)]


def types_by_name() -> list[type]:
    names = ("async_generator_asend", "async_generator_wrapped_value", "FutureIter")
    return [type_ for type_ in object.__subclasses__() if type_.__name__ in names]


AGENT: Any = None
LOST = True
HELPER: Any = None


def footer(path: str) -> dict[str, Any]:
    """The footer of a stream file, and away with the file."""
    with open(path, "rb") as f:
        data = f.read()
    os.unlink(path)
    start = data.rindex(b'{"nodes"')
    found: dict[str, Any] = json.loads(data[start:-16])  # its length and the end mark follow
    return found


def capture(*, mark: bool = True) -> dict[str, Any]:
    path = f"{sys.argv[1]}.{os.getpid()}.{threading.get_ident()}.lkheap"
    AGENT.capture(path, header(), mark=mark)
    return footer(path)


def mark() -> None:
    """A new epoch; without the account of what is live only a capture can begin one."""
    if LOST:
        AGENT.birth_mark()
    else:
        capture()


def churn(count: int = 20_000) -> None:
    kept: collections.deque[Any] = collections.deque(maxlen=500)
    for i in range(count):
        kept.append([(i, str(i)), {"k": i}, float(i), [i], slice(i)])


def is_seen() -> bool:
    """Are births noticed, at addresses that the allocator gives again and at others?

    With the account of what is live, what was free at the mark is told by its absence from
    the snapshot, not by its bit; and another thread may take the place of a dead object.
    Hence most, not all.
    """
    old: list[Any] = [[i] if i % 2 else bytearray(50) for i in range(600)]
    mark()
    assert not any(map(AGENT.is_born, old))
    for i in range(600):
        old[i] = None
        old[i] = [i] if i % 2 else bytearray(50)
    lists, blocks = (sum(bool(AGENT.is_born(o)) for o in old[i::2]) for i in (1, 0))
    return lists > 250 and blocks > 250


# ---- deep structures ----


def deep() -> None:
    for name, wrappers in NESTS.items():
        AGENT.birth_start(lost=LOST)
        made = nest(wrappers)
        del made
        assert AGENT.birth_stop()["restored"], name


def deep_across_start_and_stop() -> None:
    before, during = nest(NESTS["mixed"]), None
    AGENT.birth_start(lost=LOST)
    during = nest(NESTS["mixed"])
    del before
    AGENT.birth_stop()
    del during


class Late:
    def __del__(self) -> None:
        [(i,) for i in range(100)]


class Stopper:
    def __del__(self) -> None:
        AGENT.birth_stop()


def deep_stopped_in_the_middle() -> None:
    """A finalizer ends the tracking while thousands wait in the trashcan."""
    for wrappers in NESTS.values():
        AGENT.birth_start(lost=LOST)
        made = nest([*wrappers, *wrappers], DEPTH // 20)
        made = [made, Stopper(), nest(wrappers, DEPTH // 20)]
        made = nest(wrappers, 0) or [made]
        for _ in range(DEPTH // 20):
            made = [made]
        del made
        assert AGENT.birth_stop()["restored"]


def deep_in_small_threads() -> None:
    threading.stack_size(SMALL_STACK)

    def work() -> None:
        for wrappers in NESTS.values():
            made = nest(wrappers, DEPTH // 10)
            del made

    AGENT.birth_start(lost=LOST)
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert AGENT.birth_stop()["restored"]


# ---- types that come while births are watched ----


def types_made_meanwhile() -> None:
    AGENT.birth_start(lost=LOST)
    static = [HELPER.library.make_static_type(i) for i in range(3)]
    heap = [type("Made", (base,), {}) for base in (*static, tuple, list, dict, float, MemoryError)]
    named: Any = collections.namedtuple("named", "x y")  # noqa: PYI024
    objects: list[Any] = [named(1, 2), time.gmtime(), os.stat("/")]
    objects += [type_() for type_ in (*static, *heap) for _ in range(100)]
    mark()
    more = [type_() for type_ in (*static, *heap) for _ in range(100)]
    assert all(map(AGENT.is_born, more))
    assert not any(map(AGENT.is_born, objects))
    assert AGENT.birth_stop()["restored"]
    del objects, more
    deep_ones = nest([lambda x: static[0]((x,)), lambda x: static[1]([x])])
    del deep_ones
    # Once more: the inherited deallocators are still ours.
    AGENT.birth_start(lost=LOST)
    again = [type_() for type_ in (*static, *heap)]
    deep_ones = nest([lambda x: static[0]((x,)), lambda x: static[2](k=x)])
    del deep_ones, again
    gc.collect()
    AGENT.birth_stop()


def future_iterators() -> None:
    """_asyncio comes after the start: its free list is watched from the next mark on."""
    loop = asyncio.new_event_loop()
    futures = [loop.create_future() for _ in range(200)]
    AGENT.birth_start(lost=LOST)
    mark()
    old = [iter(f) for f in futures]
    mark()
    assert not any(map(AGENT.is_born, old))
    del old
    new = [iter(f) for f in futures]
    assert all(map(AGENT.is_born, new))
    assert AGENT.birth_stop()["restored"]
    del new, futures
    loop.close()


# ---- starting, stopping, other hooks ----


def allocate_until(stop: threading.Event) -> None:
    while not stop.is_set():
        churn(200)


def start_and_stop() -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=allocate_until, args=(stop,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    before, switch = HELPER.look(), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    for i in range(1000):
        AGENT.birth_start(lost=LOST)
        if i % 100 == 0:
            time.sleep(0.01)
            assert is_seen()
        assert AGENT.birth_stop() == {"restored": True, "note": ""}
    sys.setswitchinterval(switch)
    stop.set()
    for thread in threads:
        thread.join()
    assert HELPER.look() == before


def tracemalloc_before() -> None:
    tracemalloc.start()
    before = HELPER.look()
    AGENT.birth_start(lost=LOST)
    assert is_seen()
    size = tracemalloc.get_traced_memory()[0]
    block = bytearray(1 << 20)
    assert tracemalloc.get_traced_memory()[0] - size >= len(block)
    assert AGENT.birth_stop()["restored"]
    assert HELPER.look() == before
    tracemalloc.stop()
    churn()


def tracemalloc_during() -> None:
    before = set(HELPER.look())
    AGENT.birth_start(lost=LOST)
    ours = set(HELPER.look()) - before
    tracemalloc.start()
    assert capture()["births_sound"]
    assert is_seen()
    churn()
    tracemalloc.stop()
    assert capture()["births_sound"]
    assert is_seen()
    assert AGENT.birth_stop()["restored"]
    assert ours
    assert not ours & set(HELPER.look())
    churn()


def tracemalloc_taken_away() -> None:
    """It was there first: when it stops, it removes our allocator hook with its own."""
    before = set(HELPER.look())
    tracemalloc.start()
    before |= set(HELPER.look())
    AGENT.birth_start(lost=LOST)
    ours = set(HELPER.look()) - before
    assert capture()["births_sound"]
    tracemalloc.stop()
    assert not capture()["births_sound"]
    assert is_seen()
    assert capture()["births_sound"]
    assert AGENT.birth_stop()["restored"]
    assert not ours & set(HELPER.look())


def tracemalloc_after() -> None:
    """It starts while we watch, and stays."""
    AGENT.birth_start(lost=LOST)
    tracemalloc.start()
    churn()
    AGENT.birth_stop()
    size = tracemalloc.get_traced_memory()[0]
    block = bytearray(1 << 20)
    assert tracemalloc.get_traced_memory()[0] - size >= len(block)
    AGENT.birth_start(lost=LOST)
    assert is_seen()
    AGENT.birth_stop()
    tracemalloc.stop()
    churn()


def hook_above() -> None:
    before = HELPER.look()
    AGENT.birth_start(lost=LOST)
    HELPER.library.chain_above()
    assert is_seen()
    assert capture()["births_sound"]
    answer = AGENT.birth_stop()
    assert not answer["restored"]
    assert "pass-through" in answer["note"]
    calls = HELPER.library.chain_calls()
    churn()
    assert HELPER.library.chain_calls() > calls
    AGENT.birth_start(lost=LOST)  # what is there still serves
    assert is_seen()
    assert not AGENT.birth_stop()["restored"]
    HELPER.library.unchain()
    AGENT.birth_start(lost=LOST)
    assert is_seen()
    assert AGENT.birth_stop()["restored"]
    assert HELPER.look() == before


def hook_above_for_good() -> None:
    """Nobody takes the other hook off: both stay until the end of the process."""
    AGENT.birth_start(lost=LOST)
    HELPER.library.chain_above()
    AGENT.birth_stop()
    churn()


def in_place() -> list[Any]:
    """The object allocator and the deallocators, by address."""
    allocator = (ctypes.c_void_p * 5)()
    ctypes.pythonapi.PyMem_GetAllocator(ctypes.c_int(2), ctypes.byref(allocator))
    dealloc = 6 * ctypes.sizeof(ctypes.c_void_p)  # PyTypeObject.tp_dealloc
    return [*allocator, *(ctypes.c_void_p.from_address(id(t) + dealloc).value for t in WATCHED)]


def fork() -> None:
    untouched = in_place()
    AGENT.birth_start(lost=LOST)
    assert not set(in_place()[5:]) & set(untouched[5:])
    kept = [[i] for i in range(1000)]
    for finish in (os._exit, sys.exit):
        pid = os.fork()
        if pid == 0:
            assert in_place() == untouched
            churn()
            assert not AGENT.is_born(object())
            if finish is sys.exit:
                assert AGENT.birth_stop()["restored"]
                AGENT.birth_start(lost=LOST)
                assert is_seen()
            finish(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert is_seen()
    assert len(kept) == 1000
    assert AGENT.birth_stop()["restored"]


def fork_by_others() -> None:
    import concurrent.futures
    import multiprocessing
    import subprocess

    AGENT.birth_start(lost=LOST)
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
        assert list(pool.map(abs, range(-50, 0))) == list(range(50, 0, -1))
    assert is_seen()
    assert AGENT.birth_stop()["restored"]


def tracing() -> None:
    def traced() -> list[str]:
        events: list[str] = []
        sys.settrace(lambda frame, event, arg: events.append(event))
        churn(3)
        sys.settrace(None)
        return events

    expected = traced()
    AGENT.birth_start(lost=LOST)
    assert traced() == expected
    if sys.version_info >= (3, 12):
        monitoring = sys.monitoring
        seen: list[Any] = []
        monitoring.use_tool_id(2, "test")
        monitoring.register_callback(2, monitoring.events.PY_START, lambda *a: seen.append(a))
        monitoring.set_events(2, monitoring.events.PY_START)
        churn(3)
        monitoring.set_events(2, 0)
        monitoring.free_tool_id(2)
        assert len(seen) == 1
    AGENT.birth_stop()


# ---- the end of the process, births still watched ----


def exit_plain() -> None:
    AGENT.birth_start(lost=LOST)
    churn()


def exit_with_everything() -> None:
    """Daemon threads at work, an open loop, cycles, exit handlers, things in every free list."""
    AGENT.birth_start(lost=LOST)
    capture()
    stop = threading.Event()
    for _ in range(3):
        threading.Thread(target=allocate_until, args=(stop,), daemon=True).start()
    loop = asyncio.new_event_loop()

    async def wait() -> None:
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(100)))

    async def numbers() -> Any:
        for i in range(300):
            yield i

    async def use() -> None:
        await wait()
        assert len([i async for i in numbers()]) == 300

    loop.run_until_complete(use())
    globals()["KEPT"] = [loop, {"k": [(1,), TupleChild((2,))]}, nest(NESTS["mixed"], 10_000)]
    knot: list[Any] = [loop]
    knot.append(knot)
    atexit.register(churn, 100)
    sys.setswitchinterval(1e-5)


def exit_by_system_exit() -> None:
    AGENT.birth_start(lost=LOST)
    sys.modules.pop("_heap", None)
    atexit.register(print, "done")
    raise SystemExit(0)


def exit_in_thread() -> None:
    AGENT.birth_start(lost=LOST)
    threading.Timer(0.05, churn).start()


def exit_after_stop_in_atexit() -> None:
    AGENT.birth_start(lost=LOST)
    atexit.register(AGENT.birth_stop)
    churn()


def exit_with_late_finalizers() -> None:
    """Objects that die, and allocate, after the modules are gone."""
    AGENT.birth_start(lost=LOST)
    sys.late = Late()  # type: ignore[attr-defined]
    threading.local().late = Late()
    capture()


SCENARIOS: dict[str, Callable[[], None]] = {
    scenario.__name__: scenario
    for scenario in (
        deep, deep_across_start_and_stop, deep_stopped_in_the_middle, deep_in_small_threads,
        types_made_meanwhile, future_iterators, start_and_stop, tracemalloc_before,
        tracemalloc_during, tracemalloc_taken_away, tracemalloc_after, hook_above,
        hook_above_for_good, fork, fork_by_others, tracing, exit_plain, exit_with_everything,
        exit_by_system_exit, exit_in_thread, exit_after_stop_in_atexit,
        exit_with_late_finalizers,
    )
}  # fmt: skip

if __name__ == "__main__":
    AGENT, HELPER, LOST = load(sys.argv[1]), Helper(sys.argv[2]), sys.argv[4] == "lost"
    SCENARIOS[sys.argv[3]]()
    print("done", flush=True)
