"""Cancelled timers in the queue of an event loop, drawn: the loop drops them by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from leakhunt.agent.format import Fact
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
    is_boxed: bool = False
    word: str = "cancelled"


def of_asyncio(heap: Heap, is_cancelled: bool) -> dict[str, Obj]:
    return {"_callback": heap.object("builtins.NoneType") if is_cancelled else heap.function()}


def of_twisted(heap: Heap, is_cancelled: bool) -> dict[str, Obj]:
    return {"func": heap.function(), "cancelled": heap.key(int(is_cancelled))}


def of_trio(heap: Heap, is_cancelled: bool) -> dict[str, Obj]:
    status = heap.object("builtins.NoneType" if is_cancelled else "trio._core._run.CancelStatus")
    return {"_cancel_status": status}


BASE_LOOP, REACTOR = "asyncio.base_events.BaseEventLoop", "twisted.internet.base.ReactorBase"
HANDLE, CALL = "asyncio.events.TimerHandle", "twisted.internet.base.DelayedCall"
LOOPS = {
    "asyncio": Loop(BASE_LOOP, "_scheduled", HANDLE, of_asyncio),
    "twisted": Loop(REACTOR, "_pendingTimedCalls", CALL, of_twisted),
    "trio": Loop("trio._core._run.Deadlines", "_heap", "trio.CancelScope", of_trio, True, "left"),
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
        timer = heap.object(loop.timer, 112).set(**loop.draw(heap, is_cancelled(i)))
        queue.append(
            heap.tuple(heap.object("builtins.float", 24), timer) if loop.is_boxed else timer
        )

    return run(heap, cycle)


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> Loop:
    return LOOPS[request.param]


def test_cancelled_timers_are_no_leak(loop: Loop) -> None:
    result = hunt(loop, lambda _: True)
    quiet(result)
    (found,) = result.findings
    assert f"60 of 60 looked at were {loop.word}" in found.reason
    assert found.advice == "Nothing: it ends by itself."


def test_a_few_that_run_at_the_moment_change_nothing(loop: Loop) -> None:
    quiet(hunt(loop, lambda i: i < 63))


def test_timers_that_nobody_cancels_leak(loop: Loop) -> None:
    leak(hunt(loop, lambda _: False))


@pytest.mark.parametrize("each", [3, 5, 10])
def test_some_that_nobody_cancels_are_a_leak(loop: Loop, each: int) -> None:
    leak(hunt(loop, lambda i: i % each > 0))


def test_cancelled_timers_that_somebody_else_keeps_leak(loop: Loop) -> None:
    leak(hunt(loop, lambda _: True, owner="shop.Deadlines"))


@pytest.mark.parametrize("is_done", [True, False])
def test_waiters_of_tornado_that_are_done(is_done: bool) -> None:
    heap = Heap()
    waiters = heap.list(type_name="collections.deque")
    lock = heap.object("tornado.locks._TimeoutGarbageCollector").set(_waiters=waiters)
    heap.module("shop", LOCK=lock)

    def cycle(_: int) -> None:
        future = heap.object("_asyncio.Future", 100).fact(Fact.STATE, 2 if is_done else 0)
        waiters.append(future)

    result = run(heap, cycle)
    quiet(result) if is_done else leak(result)


@pytest.mark.parametrize(
    ("owner", "inside"),
    [
        ("sentry_sdk.scope.Scope", "_breadcrumbs"),
        ("aiohttp.cookiejar.CookieJar", "_expire_heap"),
    ],
)
def test_what_a_library_keeps_some_of(owner: str, inside: str) -> None:
    heap = Heap()
    kept = heap.list()
    heap.module("shop", OWNER=heap.object(owner).set(**{inside: kept}))
    quiet(run(heap, lambda _: kept.append(heap.object("shop.Crumb"))))


def test_what_else_the_owner_keeps_leaks() -> None:
    heap = Heap()
    kept = heap.list()
    heap.module("shop", OWNER=heap.object("sentry_sdk.scope.Scope").set(_tags=kept))
    leak(run(heap, lambda _: kept.append(heap.object("shop.Crumb"))))


@pytest.mark.parametrize(
    ("bound", "pools", "is_clean"), [(100, 1, True), (66, 1, True), (100, 66, False)]
)
def test_workers_of_a_pool(bound: int, pools: int, is_clean: bool) -> None:
    """It is filling, it is full, or each has a pool of its own that nobody shuts down."""
    heap = Heap()
    active, made = heap.dict(), heap.list()
    heap.module("threading", _active=active)
    heap.module("shop", POOLS=made)

    def pool() -> Obj:
        workers = heap.set()
        one = heap.object("concurrent.futures.thread.ThreadPoolExecutor").set(_threads=workers)
        made.append(one.fact(Fact.BOUND, bound))
        return workers

    shared = pool()

    def cycle(i: int) -> None:
        thread = heap.object("threading.Thread")
        active.put(10_000 + i, thread)
        (shared if pools == 1 else pool()).add(thread)

    result = run(heap, cycle)
    verdicts = {one.holder.path: str(one.verdict) for one in result.findings}
    assert (verdicts["threading._active"] == "NOT") == is_clean, verdicts
