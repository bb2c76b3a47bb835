"""Red flags of a running process: figures over a while, each with its thresholds.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from leakhunt.analysis.bill import FREE, GARBAGE, MAPPED, NATIVE, Bill
from leakhunt.analysis.trend.slope import slope

MIB = 1 << 20
SMALL_BYTES = 32 * MIB
"""A part of the memory below this is no matter, whatever its share."""


class Light(StrEnum):
    """How a figure looks."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sample:
    """The process at one moment."""

    at_s: float
    rss_bytes: int
    blocks: int
    """Given out by the object allocator; 0 when not known."""
    threads: int
    descriptors: int
    is_collector_on: bool


@dataclass(frozen=True, slots=True)
class Pauses:
    """For how long something was held up, over the whole period."""

    p50_ns: int
    p99_ns: int


@dataclass(frozen=True, slots=True)
class Patient:
    """All that is known after the sampling period."""

    samples: tuple[Sample, ...]
    descriptors_max: int | None
    bill: Bill | None
    tasks: int
    stuck_tasks: int
    collections: Pauses | None
    collector_share: float | None
    """Part of the time that the collector took, 0 to 1."""
    loop: Pauses | None
    """Delay of the event loop that is latest; None when none runs that can be measured."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How the process is named in the command lines that are to be run next."""

    hunt: str
    """What follows ``leakhunt hunt``: ``4242 --duration 60``."""
    pid: str
    """``4242``; ``PID`` of a program that was started and is no more."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One figure and what to think of it."""

    name: str
    light: Light
    value: float | None
    """In ``unit``; None when not known."""
    unit: str
    yellow: float
    red: float
    """The figure is yellow, or red, from here on."""
    next: str
    """What to run next; empty when it is green."""


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    unit: str
    yellow: float
    red: float
    next: str
    measure: Callable[[Patient], float | None]
    is_of_loops: bool = False
    """Left out where no event loop was measured."""


def _rate(values: Callable[[Sample], int]) -> Callable[[Patient], float | None]:
    """Growth a minute, by the median of all pairs of samples."""

    def measure(patient: Patient) -> float | None:
        samples = patient.samples
        if len(samples) < 3 or not any(map(values, samples)):
            return None
        return 60 * slope([s.at_s for s in samples], [values(s) for s in samples]).rate

    return measure


def _share(*parts: str) -> Callable[[Patient], float | None]:
    """Parts of the bill by the resident memory, in percent."""

    def measure(patient: Patient) -> float | None:
        bill = patient.bill
        found = [None if bill is None else bill.part(part) for part in parts]
        if bill is None or None in found:
            return None
        size = sum(value or 0 for value in found)
        return 0.0 if size < SMALL_BYTES else 100 * size / bill.rss_bytes

    return measure


def _milliseconds(pauses: Pauses | None, *, is_p99: bool) -> float | None:
    if pauses is None:
        return None
    return (pauses.p99_ns if is_p99 else pauses.p50_ns) / 1e6


def _descriptors(patient: Patient) -> float | None:
    most = patient.descriptors_max
    return None if not most else 100 * patient.samples[-1].descriptors / most


_HUNT = "leakhunt hunt {hunt}"
_BILL = "leakhunt bill {pid} --all"
_TASKS = "leakhunt snapshot {pid} -o now.lkheap; leakhunt tasks now.lkheap"
_WASTE = "leakhunt snapshot {pid} -o now.lkheap; leakhunt waste now.lkheap"
_STACK = "py-spy dump --pid {pid}"
"""The tool for it: where each thread is at this moment."""
_RULES = (
    _Rule("memory growth", "bytes/min", MIB, 10 * MIB, _HUNT, _rate(lambda s: s.rss_bytes)),
    _Rule("allocated block growth", "blocks/min", 2_000, 50_000, _HUNT, _rate(lambda s: s.blocks)),
    _Rule("threads", "threads", 100, 500, _HUNT, lambda p: p.samples[-1].threads),
    _Rule("thread growth", "threads/min", 2, 20, _HUNT, _rate(lambda s: s.threads)),
    _Rule("descriptors used", "% of the limit", 50, 80, _HUNT, _descriptors),
    _Rule("descriptor growth", "descriptors/min", 5, 60, _HUNT, _rate(lambda s: s.descriptors)),
    _Rule(
        "collector switched off", "% of the samples", 1, 100, "leakhunt hunt --no-collect {hunt}",
        lambda p: 100 * sum(not s.is_collector_on for s in p.samples) / len(p.samples),
    ),
    _Rule(
        "collector pause p50", "ms", 10, 100, _WASTE,
        lambda p: _milliseconds(p.collections, is_p99=False),
    ),
    _Rule(
        "collector pause p99", "ms", 50, 500, _WASTE,
        lambda p: _milliseconds(p.collections, is_p99=True),
    ),
    _Rule(
        "time in the collector", "% of the time", 5, 20, _WASTE,
        lambda p: None if p.collector_share is None else 100 * p.collector_share,
    ),
    _Rule(
        "event-loop delay p50", "ms", 10, 100, _STACK,
        lambda p: _milliseconds(p.loop, is_p99=False), is_of_loops=True,
    ),
    _Rule(
        "event-loop delay p99", "ms", 50, 500, _STACK,
        lambda p: _milliseconds(p.loop, is_p99=True), is_of_loops=True,
    ),
    _Rule("uncollected garbage", "% of memory", 10, 25, _HUNT, _share(GARBAGE)),
    _Rule("allocator-free memory", "% of memory", 30, 60, _BILL, _share(FREE)),
    _Rule("native memory", "% of memory", 50, 80, _BILL, _share(NATIVE, MAPPED)),
    _Rule("unfinished asyncio tasks", "tasks", 1_000, 20_000, _HUNT, lambda p: p.tasks),
    _Rule("stuck asyncio tasks", "tasks", 1, 100, _TASKS, lambda p: p.stuck_tasks),
)  # fmt: skip


def flags_of(patient: Patient, reach: Reach) -> tuple[Flag, ...]:
    """Every figure with its light, in a fixed order.  O(samples²).

    Raises:
        ValueError: there is no sample.
    """
    if not patient.samples:
        raise ValueError("there is no sample to judge")
    rules = (rule for rule in _RULES if patient.loop is not None or not rule.is_of_loops)
    return tuple(_flag(rule, rule.measure(patient), reach) for rule in rules)


def _flag(rule: _Rule, value: float | None, reach: Reach) -> Flag:
    light = (
        Light.UNKNOWN
        if value is None
        else Light.RED
        if value >= rule.red
        else Light.YELLOW
        if value >= rule.yellow
        else Light.GREEN
    )
    what = (
        rule.next.format(hunt=reach.hunt, pid=reach.pid)
        if light in {Light.YELLOW, Light.RED}
        else ""
    )
    return Flag(rule.name, light, value, rule.unit, rule.yellow, rule.red, what)


def worst(flags: Sequence[Flag]) -> Light:
    """The worst light that is known."""
    lights = {flag.light for flag in flags}
    return next((one for one in (Light.RED, Light.YELLOW) if one in lights), Light.GREEN)
