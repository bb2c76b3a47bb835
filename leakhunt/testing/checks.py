"""``check``: run something over and over, and fail when each cycle leaves something behind."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from leakhunt.errors import UsageError
from leakhunt.hunt.within.examine import Result, Step, Wishes, advance, examine
from leakhunt.testing.errors import LeakError
from leakhunt.testing.filters import Filter, Names, names_of

_CLOSER = "look closer: put the cycle into a scenario and run leakhunt hunt --scenario FILE.py"


def check(
    function: Callable[[], object],
    cycles: int = 50,
    *,
    warmup: int | None = None,
    max_growth: float = 0.0,
    types: Names = (),
    ignore: Names = (),
) -> None:
    """Call ``function`` repeatedly; fail when its cycles leave objects behind.

    Cheap where nothing stays: the heap is set aside (``gc.freeze``) and what was made since is
    counted.  Only when that grows are snapshots taken and compared, and the cycles run again.

    Args:
        function: one cycle; called without arguments, its result is dropped.
        cycles: how many are judged, 6 at least.
        warmup: cycles before that; None for as many as it takes until nothing more is kept,
            10 at most.
        max_growth: objects that one holder may gain per cycle.
        types: judge only leaks of these types (classes or names) or held by these holders.
        ignore: leave out leaks of these types or holders; ``*`` stands for any text.

    Raises:
        LeakError: something leaks; the text says what, who holds it and what to do.
        UsageError: the arguments make no examination, or ``function`` is a coroutine function.
        TargetError: snapshots were needed and could not be taken.
    """
    __tracebackhide__ = True
    wanted = _filter(max_growth, types, ignore)
    if inspect.iscoroutinefunction(function):
        raise UsageError(
            f"check was given the coroutine function {_name(function)}",
            hint="await leakhunt.testing.check_async(...) in the running loop",
        )
    examination = examine(Wishes(cycles, warmup, max_growth))
    try:
        step = advance(examination)
        while isinstance(step, Step):
            for _ in range(step.cycles):
                function()
            if step.wait_s:
                time.sleep(step.wait_s)
            step = advance(examination)
    finally:
        examination.close()
    fail_if_leaking(step, wanted, _name(function))


async def check_async(
    function: Callable[[], Awaitable[object]],
    cycles: int = 50,
    *,
    warmup: int | None = None,
    max_growth: float = 0.0,
    types: Names = (),
    ignore: Names = (),
) -> None:
    """The same for a coroutine function, each cycle awaited in the running loop.

    Tasks that a cycle started get the time to end (2 s) before anything is judged.
    """
    __tracebackhide__ = True
    wanted = _filter(max_growth, types, ignore)
    examination = examine(Wishes(cycles, warmup, max_growth))
    try:
        step = advance(examination)
        while isinstance(step, Step):
            for _ in range(step.cycles):
                await function()
            # Also of a loop that is not asyncio's own the turn ends here.
            await let_pass(step.wait_s)
            step = advance(examination)
    finally:
        examination.close()
    fail_if_leaking(step, wanted, _name(function))


def fail_if_leaking(
    result: Result, wanted: Filter, name: str, next_steps: tuple[str, ...] = (_CLOSER,)
) -> None:
    """Raises LeakError when an examination found what the filter lets through."""
    __tracebackhide__ = True
    if result.report is None:
        return
    report = wanted.marked(result.report)
    leaks = wanted.leaks(report)
    if leaks:
        from leakhunt.report import units
        from leakhunt.testing.text import failure_text

        heading = f"{units.plural(len(leaks), 'leak')} in {result.cycles:,} cycles of {name}"
        text = failure_text(report, leaks, heading=heading, next_steps=next_steps)
        raise LeakError(text, findings=leaks, report=report)


async def let_pass(seconds: float) -> None:
    """Sleep in the loop that runs: asyncio's or trio's."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio.events._get_running_loop() is not None:  # noqa: SLF001
        await asyncio.sleep(seconds)
    else:
        trio: Any = sys.modules["trio"]  # nothing else awaits us
        await trio.sleep(seconds)


def _filter(max_growth: float, types: Names, ignore: Names) -> Filter:
    return Filter(max_growth, names_of(types, "types"), names_of(ignore, "ignore"))


def _name(function: object) -> str:
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    return getattr(function, "__qualname__", type(function).__qualname__)
