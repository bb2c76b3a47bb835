"""Examine what is done over and over: does each cycle leave something behind?

The examination is a generator that says what is to be done next, so that one and the same
serves plain functions, coroutines and the phases of a test::

    examination = examine(Wishes(cycles=50))
    step = advance(examination)
    while isinstance(step, Step):
        ...  # run `step.cycles` cycles and let `step.wait_s` pass
        step = advance(examination)     # in the end the Result
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from leakhunt.errors import LeakhuntError, UsageError
from leakhunt.hunt.within.malloc import bytes_given_out
from leakhunt.hunt.within.newborn import Growth, Watch, collect_all, guard
from leakhunt.hunt.within.snapshots import Snapshots, describe_self
from leakhunt.report.model import Report

CYCLES_MIN = 6
"""Fewer cannot tell a leak from something that warms up."""
WARMUP_MAX = 10
"""Cycles until growth must have settled, unless said otherwise."""
QUIET_CYCLES = 2
"""So many cycles in a row that leave nothing end the warm-up."""
SETTLE_S = 2.0
"""How long threads and tasks that were started get to end."""
_BUFFER_BYTES = 64
"""Of the C library's allocator, per cycle, that are looked into: less is everybody's noise."""
_POLL_S = 0.02
_STILL_POLLS = 10
_QUIET_LOOKS = 2
"""So many looks in a row that find no growth say that it has ended."""
_HUNT_NS_PER_BLOCK = 3_000
"""Expected of a hunt, besides its cycles: four snapshots and their analysis."""
_PATIENCE_LOOKS = 30
"""So many, at most, to see growth end: of 20 cycles each they fill a cache of 512 entries."""
_PATIENCE_BLOCKS, _PATIENCE_BYTES = 20_000, 64_000_000
"""What may gather meanwhile: of a leak it stays, and every later hunt goes through it."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to examine."""

    cycles: int = 50
    warmup: int | None = None
    """Cycles before; None for as many as it takes to settle, WARMUP_MAX at most."""
    max_growth: float = 0.0
    """Objects that a cycle may leave behind."""
    settle_s: float = SETTLE_S
    ends_when_quiet: bool = False
    """Growth that ends is answer enough: nothing is examined after a warm-up that settled, and
    what still grows after it gets more cycles, as long as these take no longer than a hunt."""
    limit_s: float = math.inf
    """No hunt is begun that would not end by then."""
    wants_addresses: bool = False
    """Also say where leaked objects are."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done before the examination goes on."""

    cycles: int = 0
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """What an examination found."""

    report: Report | None
    """None: nothing was left behind, and no snapshot was needed to see it."""
    growth: Growth
    """Over ``cycles``, as the cheap look saw it."""
    cycles: int
    is_frozen: bool
    """Whether newborn objects were told by freezing the heap; otherwise by blocks alone."""
    addresses: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """By fingerprint: of some of the leaked objects, when that was asked for."""


class TooLongError(LeakhuntError):
    """The examination was given up before it could say anything."""


_ONE_CYCLE = Step(1)
Examination: TypeAlias = Generator[Step, None, Result]


def advance(examination: Examination) -> Step | Result:
    """What is to be done next, or the result.

    The end of the generator is told here and nowhere else: a StopIteration of what is examined
    is an exception like any other.
    """
    try:
        return examination.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result


def check_wishes(wishes: Wishes) -> None:
    """Refuse numbers that make no examination.  Raises UsageError."""
    if wishes.cycles < CYCLES_MIN:
        raise UsageError(
            f"cycles is {wishes.cycles}",
            hint=f"give {CYCLES_MIN} or more: fewer cannot tell a leak from a warm-up",
        )
    if wishes.warmup is not None and wishes.warmup < 0:
        raise UsageError(f"warmup is {wishes.warmup}", hint="give 0 or more, or None to find out")
    if not wishes.max_growth >= 0:
        raise UsageError(
            f"max_growth is {wishes.max_growth}", hint="give objects per cycle, 0 or more"
        )


def examine(wishes: Wishes) -> Examination:
    """Warm up, look the cheap way, and only when something grows take snapshots.

    The heap is thawed whenever the generator has ended, in whatever way.  Raises TooLongError.
    """
    check_wishes(wishes)
    watch, began = Watch(), time.monotonic()
    with guard():
        if wishes.ends_when_quiet:
            cycles = yield from _until_quiet(watch)
            if cycles:
                return Result(None, Growth(0, 0), cycles, watch.is_whole)
            replaced = 0
        else:
            replaced = yield from _warm_up(watch, wishes)
        step, beside, before = Step(wishes.cycles), running_beside(), bytes_given_out()
        watch.begin()
        look_began = time.monotonic()
        yield step
        look_s = time.monotonic() - look_began
        growth = _beyond(replaced, watch.growth())
        is_buffer = _is_buffer(bytes_given_out() - before, wishes)
        if not is_buffer and _is_worth_a_walk(growth, wishes):
            yield from settle(watch.growth, wishes, beside)
            growth = _beyond(replaced, watch.growth())
        is_growing = is_buffer or _is_worth_a_walk(growth, wishes)
        if is_growing and wishes.ends_when_quiet:
            is_growing = not (yield from _ends(watch, wishes, look_s))
        is_whole, hunt_s = watch.is_whole, _hunt_s(watch)
    if not is_growing:
        return Result(None, growth, wishes.cycles, is_whole)
    if time.monotonic() - began + look_s + hunt_s > wishes.limit_s:
        raise TooLongError(
            f"{wishes.cycles} cycles left something behind; to find out what would take more than "
            f"{wishes.limit_s:.0f} s"
        )
    report, addresses = yield from _hunt(wishes, beside)
    return Result(report, growth, wishes.cycles, is_whole, addresses)


def _is_worth_a_walk(growth: Growth, wishes: Wishes) -> bool:
    """A leak of one object a cycle gains one block a cycle, or more; a quarter of that is
    looked into."""
    least = max(2.0, wishes.cycles / 4, wishes.max_growth * wishes.cycles + 1)
    return growth.objects >= least or growth.blocks >= least


def _is_buffer(gained_bytes: int, wishes: Wishes) -> bool:
    """One object that grows in place gains bytes and no block."""
    return gained_bytes >= _BUFFER_BYTES * wishes.cycles


def _ends(watch: Watch, wishes: Wishes, look_s: float) -> Generator[Step, None, bool]:
    """Whether growth ends, given some more cycles: that of a cache up to its bound, and of what
    each cycle leaves to the next.  Such cycles are cheap beside a hunt.

    ``watch`` has watched the cycles before, which took ``look_s``, and goes on: what was made since
    its beginning and was let go meanwhile is no growth, so what replaces something older ends too.
    """
    deadline = time.monotonic() + _hunt_s(watch)
    seen, bytes_seen = watch.growth(), bytes_given_out()
    bytes_most, quiet = bytes_seen + _PATIENCE_BYTES, 0
    for _ in range(_PATIENCE_LOOKS):
        is_too_much = seen.blocks > _PATIENCE_BLOCKS or bytes_seen > bytes_most
        left_s = deadline - time.monotonic() - look_s * (_QUIET_LOOKS - quiet)
        if is_too_much or left_s < 0 or not watch.is_whole:
            break
        yield Step(wishes.cycles)
        before, bytes_before = seen, bytes_seen
        seen, bytes_seen = watch.growth(), bytes_given_out()
        gained = Growth(seen.objects - before.objects, seen.blocks - before.blocks)
        is_growing = _is_worth_a_walk(gained, wishes)
        is_growing |= _is_buffer(bytes_seen - bytes_before, wishes)
        quiet = 0 if is_growing else quiet + 1
        if quiet == _QUIET_LOOKS:
            return watch.is_whole
    return False


def _hunt_s(watch: Watch) -> float:
    """What a hunt is expected to take, without its cycles."""
    return watch.total_blocks * _HUNT_NS_PER_BLOCK / 1e9


def _beyond(replaced: int, growth: Growth) -> Growth:
    """What is more than one cycle's replacements."""
    return Growth(growth.objects - replaced, growth.blocks)


def _until_quiet(watch: Watch) -> Generator[Step, None, int]:
    """Cycles until nothing more is left behind; 0 when that does not come in WARMUP_MAX of them.

    What was made since the first of them counts, less what was let go of it: what takes the place
    of something older, which may have been larger, hides nothing.
    """
    watch.begin()
    seen, quiet = Growth(0, 0), 0
    for number in range(1, WARMUP_MAX + 1):
        yield _ONE_CYCLE
        before, seen = seen, watch.growth()
        is_quiet = seen.blocks <= before.blocks and seen.objects <= before.objects
        quiet = quiet + 1 if is_quiet else 0
        if quiet >= QUIET_CYCLES:
            return number
    return 0


def _warm_up(watch: Watch, wishes: Wishes) -> Generator[Step, None, int]:
    """The cycles before those that count.  Newborn objects after the last of them: each makes some
    anew that take the place of others."""
    if wishes.warmup == 0:
        return 0
    if wishes.warmup is not None:
        yield Step(wishes.warmup - 1)
        watch.begin()
        yield _ONE_CYCLE
        return watch.growth().objects
    quiet, before = 0, 0
    for _ in range(WARMUP_MAX):
        watch.begin()
        yield _ONE_CYCLE
        growth = watch.growth()
        is_quiet = growth.blocks <= 0 and growth.objects <= before
        quiet, before = quiet + 1 if is_quiet else 0, growth.objects
        if quiet >= QUIET_CYCLES:
            break
    return before


def settle(look: Callable[[], object], wishes: Wishes, beside: int) -> Generator[Step, None, None]:
    """Let what was started end: until no more runs than the ``beside`` of before and what
    ``look`` sees stays the same for a while."""
    deadline = time.monotonic() + wishes.settle_s
    seen, still = look(), 0
    needed = _STILL_POLLS if running_beside() else 1
    while still < needed and time.monotonic() < deadline:
        yield Step(wait_s=_POLL_S)
        before, seen = seen, look()
        still = still + 1 if seen == before and running_beside() <= beside else 0


def running_beside() -> int:
    """Threads, and tasks of the loop that runs, besides the calling ones."""
    count = threading.active_count() - 1
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or asyncio.events._get_running_loop() is None:  # noqa: SLF001 - no raise
        return count
    return count + len(asyncio.all_tasks()) - 1


def _hunt(
    wishes: Wishes, beside: int
) -> Generator[Step, None, tuple[Report, dict[str, frozenset[int]]]]:
    """The hunt as of any program: baseline, window, loaded and final snapshots, compared."""
    import leakhunt.detectors.investigate
    import leakhunt.hunt.heaps
    import leakhunt.store.reader  # noqa: F401 - before the baseline: no growth of the target
    from leakhunt.hunt.assemble import cycles_of_window
    from leakhunt.hunt.record import RunRecord, report_of

    cycles = wishes.cycles
    window = cycles_of_window(cycles) or 1
    first, rest = Step(window), Step(cycles - window)
    with Snapshots() as taken:
        collect_all()
        taken.watch()
        collect_all()
        taken.capture("baseline")
        yield first
        taken.capture("window")
        yield rest
        taken.capture("loaded")
        yield from settle(running_beside, wishes, beside)
        collect_all()
        taken.capture("final")
        taken.unwatch()
        report = report_of(
            RunRecord(
                path_by_label=taken.path_by_label,
                target=describe_self(),
                is_saved=False,
                cycles=cycles,
                window_cycles=window,
                notes=tuple(taken.notes),
            )
        )
        addresses = _addresses(report, taken) if wishes.wants_addresses else {}
    return replace(report, settings={"cycles": cycles, "warmup": wishes.warmup}), addresses


def _addresses(report: Report, taken: Snapshots) -> dict[str, frozenset[int]]:
    from leakhunt.hunt.assemble import open_all

    address = open_all({"final": taken.path_by_label["final"]})["final"].node_address
    return {
        finding.fingerprint: frozenset(int(address[node]) for node in finding.node_ids)
        for finding in report.findings
    }
