"""Cancelled timers in the queue of an event loop, drawn: the loop drops them by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from leakhunt.detectors.investigate import Investigation
from tests.builders import Heap, Obj
from tests.unit.detectors.drawing import leak, quiet, run


@dataclass(frozen=True)
class Loop:
    """An event loop: its class, the queue, its timers, and whether one is cancelled."""

    owner: str
    queue: str
    timer: str
    draw: Callable[[Heap, bool], dict[str, Obj]]


def of_asyncio(heap: Heap, is_cancelled: bool) -> dict[str, Obj]:
    return {"_callback": heap.object("builtins.NoneType") if is_cancelled else heap.function()}


def of_twisted(heap: Heap, is_cancelled: bool) -> dict[str, Obj]:
    return {"func": heap.function(), "cancelled": heap.key(int(is_cancelled))}


BASE_LOOP, REACTOR = "asyncio.base_events.BaseEventLoop", "twisted.internet.base.ReactorBase"
HANDLE, CALL = "asyncio.events.TimerHandle", "twisted.internet.base.DelayedCall"
LOOPS = {
    "asyncio": Loop(BASE_LOOP, "_scheduled", HANDLE, of_asyncio),
    "twisted": Loop(REACTOR, "_pendingTimedCalls", CALL, of_twisted),
    "twisted, new": Loop(REACTOR, "_newTimedCalls", CALL, of_twisted),
}


def hunt(
    loop: Loop, is_cancelled: Callable[[int], bool], owner: str | None = None
) -> Investigation:
    """One timer a cycle in the queue of a loop, or in that of somebody else."""
    heap = Heap()
    queue = heap.list()
    heap.module("shop", LOOP=heap.object(owner or loop.owner).set(**{loop.queue: queue}))

    def cycle(i: int) -> None:
        queue.append(heap.object(loop.timer, 112).set(**loop.draw(heap, is_cancelled(i))))

    return run(heap, cycle)


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> Loop:
    return LOOPS[request.param]


def test_cancelled_timers_are_no_leak(loop: Loop) -> None:
    result = hunt(loop, lambda _: True)
    quiet(result)
    (found,) = result.findings
    assert "60 of 60 looked at were cancelled" in found.reason
    assert found.advice == "Nothing: they are cancelled."


def test_a_few_that_run_at_the_moment_change_nothing(loop: Loop) -> None:
    quiet(hunt(loop, lambda i: i < 60))


def test_timers_that_nobody_cancels_leak(loop: Loop) -> None:
    assert "cancel" in leak(hunt(loop, lambda _: False)).advice


def test_one_in_three_that_nobody_cancels_is_a_leak(loop: Loop) -> None:
    leak(hunt(loop, lambda i: i % 3 > 0))


def test_cancelled_timers_that_somebody_else_keeps_leak(loop: Loop) -> None:
    leak(hunt(loop, lambda _: True, owner="shop.Deadlines"))
