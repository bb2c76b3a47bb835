"""``check`` and ``check_async``: what leaks is named, what does not costs next to nothing."""

from __future__ import annotations

import asyncio
import functools
import gc
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from leakhunt import testing
from leakhunt.errors import UsageError

KEPT: list[Any] = []
CACHE: dict[Any, Any] = {}
BUFFER = bytearray()


class Session:
    def __init__(self) -> None:
        self.data = bytearray(50)


class Slotted:
    __slots__ = ()


class Bus:
    def __init__(self) -> None:
        self.listeners: dict[str, list[Callable[[], None]]] = {}


BUS = Bus()


class Listener:
    def __init__(self) -> None:
        BUS.listeners.setdefault("tick", []).append(self.on_tick)

    def on_tick(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    yield
    KEPT.clear()
    CACHE.clear()
    BUFFER.clear()
    BUS.listeners.clear()


def number() -> float:
    return len(KEPT) + len(CACHE) + 1000.5


LEAKS: dict[str, tuple[Callable[[], object], str]] = {
    "instance": (lambda: KEPT.append(Session()), "Session"),
    "slots": (lambda: KEPT.append(Slotted()), "Slotted"),
    "dict": (lambda: KEPT.append({}), "builtins.dict"),
    "list": (lambda: KEPT.append([]), "builtins.list"),
    "tuple": (lambda: KEPT.append((number(),)), "builtins.tuple"),
    "float": (lambda: KEPT.append(number()), "builtins.float"),
    "int": (lambda: KEPT.append(int(number())), "builtins.int"),
    "bytes": (lambda: KEPT.append(b"%d" % number()), "builtins.bytes"),
    "large": (lambda: KEPT.append(bytes(300_000)), "builtins.bytes"),
    "str": (lambda: KEPT.append(f"{number()}"), "builtins.str"),
    "function": (lambda: KEPT.append(lambda: 1), "builtins.function"),
    "key": (lambda: CACHE.__setitem__(number(), None), "builtins.float"),
    "buffer": (lambda: BUFFER.extend(b"x" * 1000), "BUFFER"),
    "cycle": (lambda: KEPT.append(functools.partial(KEPT.append, KEPT)), "functools.partial"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_one_object_a_cycle_is_found_whatever_it_is(name: str) -> None:
    leak, what = LEAKS[name]
    with pytest.raises(testing.LeakError) as caught:
        testing.check(leak, cycles=20)
    error = caught.value
    assert len(error.findings) == 1
    assert what in str(error)
    assert error.report is not None
    assert error.report.cycles == 20


def test_the_text_says_what_who_holds_it_where_it_was_made_and_what_to_do() -> None:
    with pytest.raises(testing.LeakError) as caught:
        testing.check(Listener, cycles=20)
    text = str(caught.value)
    for part in (
        "1 leak in 20 cycles of Listener",
        "LEAK listener",
        "Unremoved listener: +1",
        "Listener` per cycle",
        "BUS.listeners['tick']",
        "entries",
        "made at",
        "test_check.py:",
        "Remove the callable from",
        "leakhunt hunt --scenario",
    ):
        assert part in " ".join(text.split()), part


def clean_cycle() -> None:
    session: Any = Session()
    session.itself = session


def test_what_is_clean_passes_without_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    from leakhunt.hunt.within.snapshots import Snapshots

    monkeypatch.setattr(Snapshots, "capture", None)
    testing.check(clean_cycle)


def test_a_cache_that_fills_first_is_warm_up() -> None:
    def cycle() -> None:
        if len(KEPT) < 5:
            KEPT.append(Session())

    testing.check(cycle)


@functools.lru_cache(maxsize=30)
def bounded(key: float) -> Session:
    return Session()


def test_a_bounded_cache_that_still_fills_is_no_leak() -> None:
    keys = iter(range(10_000))
    testing.check(lambda: bounded(float(next(keys))), cycles=12, warmup=2)


def test_threads_that_end_late_are_waited_for() -> None:
    testing.check(lambda: threading.Thread(target=time.sleep, args=(0.2,)).start(), cycles=10)


def test_a_cycle_may_collect_by_itself() -> None:
    before = gc.collect

    def cycle() -> None:
        clean_cycle()
        gc.collect()
        assert any(one is KEPT for one in gc.get_objects())

    testing.check(cycle, cycles=10)
    assert gc.collect is before
    assert gc.get_freeze_count() < 2000


def test_the_heap_is_thawed_whatever_happens() -> None:
    def cycle() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        testing.check(cycle)
    assert gc.get_freeze_count() < 2000


def test_an_iterator_of_the_user_that_runs_dry_is_an_exception_like_any_other() -> None:
    numbers = iter(range(3))
    with pytest.raises(StopIteration):
        testing.check(lambda: next(numbers))

    async def cycle() -> None: ...

    coroutines = iter([cycle()])
    with pytest.raises(RuntimeError, match="StopIteration"):  # as of every coroutine
        asyncio.run(testing.check_async(lambda: next(coroutines)))


def test_growth_may_be_allowed_and_types_chosen() -> None:
    testing.check(lambda: KEPT.append(Session()), cycles=20, max_growth=1)
    testing.check(lambda: KEPT.append(Session()), cycles=20, types=Slotted)
    testing.check(lambda: KEPT.append(Session()), cycles=20, ignore=Session)
    testing.check(lambda: KEPT.append(Session()), cycles=20, ignore=["*.KEPT"])
    with pytest.raises(testing.LeakError):
        testing.check(lambda: KEPT.append(Session()), cycles=20, types=["*.Session"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cycles": 5}, "cycles is 5"),
        ({"warmup": -1}, "warmup is -1"),
        ({"max_growth": -0.5}, "max_growth is -0.5"),
        ({"types": [3]}, "types holds 3"),
        ({"ignore": ""}, "ignore holds ''"),
        ({"types": None}, "types is None"),
        ({"ignore": 5}, "ignore is 5"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        testing.check(clean_cycle, **wrong)
    assert caught.value.hint


def test_a_coroutine_function_is_sent_to_check_async() -> None:
    async def cycle() -> None: ...

    with pytest.raises(UsageError, match="coroutine function"):
        testing.check(cycle)


def test_pending_tasks_are_found_and_finished_ones_are_not() -> None:
    async def main() -> None:
        for_ever = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            await asyncio.shield(for_ever)

        async def clean() -> None:
            asyncio.create_task(asyncio.sleep(0.02))  # noqa: RUF006 - it ends by itself

        async def leaky() -> None:
            KEPT.append(asyncio.create_task(wait()))

        await testing.check_async(clean, cycles=10)
        with pytest.raises(testing.LeakError, match="Never finished task") as caught:
            await testing.check_async(leaky, cycles=20)
        assert "pending" in {one.category for one in caught.value.findings}
        for task in KEPT:
            task.cancel()

    asyncio.run(main())


class TestWithUnittest(unittest.TestCase):
    def test_it_is_a_failure_of_unittest(self) -> None:
        with self.assertRaises(self.failureException):  # noqa: PT027 - it is about unittest
            testing.check(lambda: KEPT.append(Session()), cycles=10)
