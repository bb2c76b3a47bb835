"""Code that runs, waits or has ended: generators, coroutines, frames, threads, tasks."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import threading
import time
import types
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from typing import Any

from tests.agent.samples import Samples

CREATED, SUSPENDED, RUNNING, DONE = range(4)
PENDING, CANCELLED, FINISHED = range(3)


class Value:
    """Something with an address of its own."""

    def __call__(self, *_: Any) -> None:
        """Callbacks are called, though none of these should be."""


def build(samples: Samples) -> None:
    """Add all samples of this module but the tasks."""
    _generators(samples)
    _coroutines(samples)
    _frames(samples)
    _contexts(samples)


def _numbers(first: Any, second: Any = None) -> Iterator[Any]:
    late = [first]
    yield late
    yield second


def _with_cell(first: Any) -> Iterator[Any]:
    def inner() -> Any:
        return first, kept

    kept = Value()
    yield inner


def _delegates(other: Any) -> Iterator[Any]:
    yield from other


def line_of(frame: types.FrameType | None) -> int:
    """Line where a frame is; -1 for none."""
    return -1 if frame is None or frame.f_lineno is None else frame.f_lineno


def _generators(samples: Samples) -> None:
    created = _numbers(Value())
    samples.keep("generator created", created, facts={"STATE": CREATED})
    suspended = _numbers(Value(), Value())
    next(suspended)
    line = line_of(suspended.gi_frame)  # type: ignore[attr-defined]
    samples.aside.append(suspended)
    samples.keep("generator suspended", suspended, facts={"STATE": SUSPENDED, "LINE": line})
    unseen = _numbers(Value(), Value())  # nobody asked for its frame
    next(unseen)
    samples.keep("generator unseen", unseen, facts={"STATE": SUSPENDED, "LINE": line})
    done = _numbers(Value())
    list(done)
    samples.keep("generator done", done, facts={"STATE": DONE})
    closed = _numbers(Value())
    next(closed)
    closed.close()  # type: ignore[attr-defined]
    samples.keep("generator closed", closed, facts={"STATE": DONE})
    unborn = _numbers(Value())
    unborn.close()  # type: ignore[attr-defined]
    samples.keep("generator closed before its first step", unborn, facts={"STATE": DONE})
    cells = _with_cell(Value())
    samples.aside.append(next(cells))
    samples.keep("generator with cells", cells)
    outer = _delegates(_numbers(Value()))
    next(outer)
    samples.keep("generator delegating", outer, facts={"STATE": SUSPENDED})
    expression = (x for x in [Value()])
    samples.keep("generator expression", expression)


async def _waits(what: Any) -> Any:
    held = Value()
    await what
    return held


class Never:
    """Awaited, and never ready."""

    def __await__(self) -> Iterator[None]:
        yield


async def _async_numbers(first: Any) -> AsyncGenerator[Any, None]:
    held = [first]
    yield held
    yield first


def step(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run until it waits."""
    with contextlib.suppress(StopIteration):
        coroutine.send(None)


def _coroutines(samples: Samples) -> None:
    created: Any = _waits(Never())
    samples.keep("coroutine created", created, facts={"STATE": CREATED})
    inner: Any = _waits(Never())
    outer: Any = _waits(inner)
    step(outer)
    line = _waits.__code__.co_firstlineno + 2
    facts = {"STATE": SUSPENDED, "LINE": line}
    samples.keep("coroutine awaiting", outer, facts=facts)
    samples.keep("coroutine awaited", inner, facts=facts)
    numbers: Any = _async_numbers(Value())
    samples.keep("async generator created", _async_numbers(Value()), facts={"STATE": CREATED})
    step(numbers.asend(None))
    samples.keep("async generator suspended", numbers, facts={"STATE": SUSPENDED})
    sending: Any = _async_numbers(Value()).asend(None)
    samples.keep("async generator send", sending)

    @types.coroutine
    def old() -> Iterator[Any]:
        yield Value()

    samples.keep("generator as coroutine", old())


def _fails(depth: int, kept: Any) -> None:
    here = [kept, depth]
    if depth == 0:
        raise RuntimeError("as wished", here)
    _fails(depth - 1, kept)


def _framed(kept: Any) -> types.FrameType:
    here = [kept]

    def inner() -> Any:
        return here

    samples_frame = sys._getframe()
    assert inner() is here
    return samples_frame


def _frames(samples: Samples) -> None:
    try:
        _fails(3, Value())
    except RuntimeError as error:
        tb = error.__traceback__
    assert tb is not None
    samples.keep("traceback of a failure", tb)
    while tb.tb_next is not None:
        tb = tb.tb_next
    samples.keep("frame of a failure", tb.tb_frame)
    samples.keep("frame kept", _framed(Value()))


NUMBER: contextvars.ContextVar[Any] = contextvars.ContextVar("NUMBER")
DEFAULTED: contextvars.ContextVar[Any] = contextvars.ContextVar("DEFAULTED", default=(1, "a"))


def _contexts(samples: Samples) -> None:
    context = contextvars.copy_context()
    samples.aside.append(context.run(NUMBER.set, Value()))
    samples.keep("context", context)
    samples.keep("context variable", DEFAULTED)
    samples.keep("context token", samples.aside[-1])
    wide = contextvars.Context()
    many: list[contextvars.ContextVar[Any]] = [contextvars.ContextVar(f"v{i}") for i in range(60)]
    for i, variable in enumerate(many):
        wide.run(variable.set, [i])
    samples.keep("context wide", wide)


def park_threads(samples: Samples) -> Callable[[], None]:
    """Threads that wait with locals and thread-locals; the answer wakes and joins them."""
    local = threading.local()
    gate = threading.Event()
    ready = threading.Barrier(3)
    local.mine = Value()

    def waits(kept: Any) -> None:
        here = {"kept": kept}
        local.other = [kept]
        ready.wait()
        gate.wait()
        here.clear()

    threads = [
        threading.Thread(target=waits, args=(Value(),), name=f"parked-{i}") for i in range(2)
    ]
    for thread in threads:
        thread.start()
    ready.wait()
    while not all(_is_waiting(thread) for thread in threads):
        time.sleep(0.01)
    time.sleep(0.1)  # from the call of gate.wait() to the lock in it
    samples.keep("thread local", local)
    samples.keep("thread", threads[0])
    samples.keep("lock", threading.Lock())
    samples.keep("recursive lock", threading.RLock())
    samples.keep("condition", threading.Condition())

    def release() -> None:
        gate.set()
        for thread in threads:
            thread.join()

    return release


def _is_waiting(thread: threading.Thread) -> bool:
    """Has the thread come to its last wait?"""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and frame.f_code.co_name != "waits":
        frame = frame.f_back
    return frame is not None and line_of(frame) == frame.f_code.co_firstlineno + 4


async def add_tasks(samples: Samples) -> None:
    """Futures, tasks and handles of the loop that runs."""
    loop = asyncio.get_running_loop()
    pending: asyncio.Future[Any] = loop.create_future()
    called = Value()
    pending.add_done_callback(called)
    samples.keep("future pending", pending, facts={"STATE": PENDING},
                 names=[["ATTR", "_loop", loop], ["ATTR", "_callback0", called]])  # fmt: skip
    done: asyncio.Future[Any] = loop.create_future()
    result = Value()
    done.set_result(result)
    samples.keep("future done", done, facts={"STATE": FINISHED},
                 names=[["ATTR", "_result", result]])  # fmt: skip
    cancelled: asyncio.Future[Any] = loop.create_future()
    cancelled.cancel()
    samples.keep("future cancelled", cancelled, facts={"STATE": CANCELLED})
    failed: asyncio.Future[Any] = loop.create_future()
    problem = ValueError("no")
    failed.set_exception(problem)
    failed.exception()
    samples.keep("future failed", failed, facts={"STATE": FINISHED},
                 names=[["ATTR", "_exception", problem]])  # fmt: skip
    waited: asyncio.Future[Any] = loop.create_future()
    coroutine: Any = _waits(waited)
    task = asyncio.create_task(coroutine, name="a task")
    await asyncio.sleep(0)
    samples.keep("task waiting", task, facts={"STATE": PENDING},
                 names=[["ATTR", "_coro", coroutine], ["ATTR", "_fut_waiter", waited]])  # fmt: skip
    samples.keep("task coroutine", coroutine, facts={"STATE": SUSPENDED})
    over = asyncio.create_task(_waits(done))
    await over
    samples.keep("task done", over, facts={"STATE": FINISHED})
    samples.keep("task running", asyncio.current_task(), facts={"STATE": PENDING})
    samples.keep("timer handle", loop.call_later(3600, called))
    samples.keep("handle", loop.call_soon(len, [result]))
    samples.keep("loop", loop)
    samples.keep("async event", asyncio.Event())
    samples.keep("async queue", asyncio.Queue(7), facts={"BOUND": 7})
