"""One process under watch: what its samples say, and when there is an alarm.  No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from leakhunt.analysis.course import Course, History, Shape, course_of
from leakhunt.hunt.watch.options import LIMIT_SHARE, WatchOptions
from leakhunt.report import units
from leakhunt.report.watch_model import Reason, Sample
from leakhunt.target.answers import LiveMeasure
from leakhunt.target.probes import LoopDelay
from leakhunt.target.sampler import Reading

PERSISTENCE: Final = 8
"""Judgements in a row that must agree before an alarm is raised, or withdrawn."""
NEAR_SHARE: Final = 0.75
"""Of a limit: from here on samples are taken more often."""
NEAR_S: Final = 0.5
LEAST_WAIT_S: Final = 0.05
CLEARED_SHARE: Final = 0.9
"""A process below this part of what raised the alarm is well again."""


@dataclass(frozen=True, slots=True)
class _Figure:
    """One thing that must not grow for ever."""

    noun: str
    least: float
    """A smaller rise is none..."""
    least_share: float
    """...nor one by a smaller share."""
    is_bytes: bool = False

    def rate(self, per_s: float) -> str:
        """``+1.2 MiB/min``."""
        scale = units.size if self.is_bytes else units.count
        return f"{scale(per_s * 60, signed=True)}/min"


_FIGURES: Final = {
    "rss": _Figure("resident memory", 4 << 20, 0.02, is_bytes=True),
    "descriptors": _Figure("number of descriptors", 16, 0.1),
    "threads": _Figure("number of threads", 8, 0.1),
    "blocks": _Figure("number of allocated Python blocks", 20_000, 0.02),
}


@dataclass(frozen=True, slots=True)
class Turn:
    """An alarm that is raised, or one that is over."""

    reason: Reason
    is_alarm: bool
    message: str


class _Trend:
    """The course of one figure, and whether it is an alarm."""

    def __init__(self, figure: _Figure) -> None:
        self.figure = figure
        self.course: Course | None = None
        self.is_alarm = False
        self._history = History()
        self._agreed = 0

    def add(self, at_s: float, value: float, rate_max: float | None) -> bool:
        """Take a sample; whether the alarm was raised or withdrawn by it."""
        if not self._history.add(at_s, value):
            return False
        least = max(self.figure.least, self.figure.least_share * value)
        self.course = course = course_of(self._history, least)
        is_bad = course.shape is Shape.GROWING and (
            rate_max is None or course.rate_per_s >= rate_max
        )
        self._agreed = 0 if is_bad == self.is_alarm else self._agreed + 1
        if self._agreed < PERSISTENCE:
            return False
        self.is_alarm, self._agreed = is_bad, 0
        return True


class Watched:
    """Takes the readings of one process in order of time."""

    def __init__(self, options: WatchOptions) -> None:
        self._options = options
        self._trends = {name: _Trend(figure) for name, figure in _FIGURES.items()}
        self._reading: Reading | None = None
        self._measure: LiveMeasure | None = None
        self._delay: LoopDelay | None = None
        self._speed: dict[Reason, float] = {}
        self._over: set[Reason] = set()
        """Limits that it is above."""

    @property
    def course(self) -> Course | None:
        """Of its resident memory."""
        return self._trends["rss"].course

    @property
    def alarms(self) -> set[Reason]:
        """Those that nothing cleared."""
        growing = {Reason.GROWTH for trend in self._trends.values() if trend.is_alarm}
        return growing | self._over

    @property
    def load(self) -> float:
        """The part of its nearest limit that it has reached; 0 without a limit."""
        if self._reading is None:
            return 0.0
        return max((value / limit for _, value, limit in self._loads(self._reading)), default=0.0)

    def guard(self, reading: Reading) -> list[Turn]:
        """What a reading says of the limits.  It may come at any time."""
        before, self._reading = self._reading, reading
        return list(self._limits(before, reading))

    def take(self, reading: Reading) -> list[Turn]:
        """What a reading changes that is one of the evenly spaced samples."""
        turns = self.guard(reading)
        values = {"rss": reading.rss_bytes, "threads": reading.thread_count}
        if reading.descriptor_count is not None:
            values["descriptors"] = reading.descriptor_count
        for name, value in values.items():
            turns += self._grown(name, reading.at_s, value)
        return turns

    def take_look(self, at_s: float, measure: LiveMeasure) -> list[Turn]:
        """What a look from inside changes."""
        self._measure = measure
        return self._grown("blocks", at_s, measure.blocks) if measure.blocks else []

    def take_delay(self, delay: LoopDelay | None) -> None:
        """How late its event loop was while a look listened; None where none is known."""
        self._delay = delay

    def sample(self) -> Sample | None:
        """Its state as it is told; None before the first reading."""
        reading, measure, course = self._reading, self._measure, self.course
        delay = self._delay
        if reading is None:
            return None
        is_known = course is not None and course.shape is not Shape.SHORT
        return Sample(
            rss_bytes=reading.rss_bytes,
            threads=reading.thread_count,
            descriptors=reading.descriptor_count,
            group_bytes=None if reading.group is None else reading.group.used_bytes,
            group_limit_bytes=None if reading.group is None else reading.group.limit_bytes,
            blocks=None if measure is None else measure.blocks,
            gc_enabled=None if measure is None else measure.gc_enabled,
            gc_young=None if measure is None else measure.gc_young,
            # A loop that hung all the time has no tick but the one it waits for.
            loop_delay_p50_ns=None
            if delay is None
            else (delay.p50_ns if delay.ticks else delay.waiting_ns),
            loop_delay_p99_ns=None if delay is None else max(delay.p99_ns, delay.waiting_ns),
            shape=str(Shape.SHORT if course is None else course.shape),
            rate_bytes_per_s=course.rate_per_s if course is not None and is_known else None,
        )

    def wait_s(self) -> float:
        """Until the next sample: less than the interval as a limit comes near."""
        interval_s = self._options.interval_s
        if self._reading is None:
            return interval_s
        wait_s = interval_s
        for reason, value, limit in self._loads(self._reading):
            if reason in self._over:
                continue
            if value >= NEAR_SHARE * limit:
                wait_s = min(wait_s, NEAR_S)
            if (speed := self._speed.get(reason, 0.0)) > 0:
                wait_s = min(wait_s, max(limit - value, 0) / speed / 2)
        return max(wait_s, min(LEAST_WAIT_S, interval_s))

    # ----------------------------------------------------------------------------------------------

    def _loads(self, reading: Reading) -> Iterator[tuple[Reason, int, float]]:
        """What there are limits for: the value, and where the alarm is raised."""
        if self._options.max_rss_bytes is not None:
            yield Reason.MAX_RSS, reading.rss_bytes, self._options.max_rss_bytes
        if reading.group is not None:
            limit = LIMIT_SHARE * reading.group.limit_bytes
            yield Reason.CGROUP, reading.group.used_bytes, limit

    def _limits(self, before: Reading | None, now: Reading) -> Iterator[Turn]:
        earlier = {} if before is None else {r: v for r, v, _ in self._loads(before)}
        for reason, value, limit in self._loads(now):
            if before is not None and reason in earlier and now.at_s > before.at_s:
                speed = (value - earlier[reason]) / (now.at_s - before.at_s)
                # A pause in the growth is no end of it.
                self._speed[reason] = max(speed, self._speed.get(reason, 0.0) / 2)
            if value >= limit and reason not in self._over:
                self._over.add(reason)
                yield Turn(reason, True, _limit_words(reason, value, limit))
            elif value < CLEARED_SHARE * limit and reason in self._over:
                self._over.discard(reason)
                what = "its control group" if reason is Reason.CGROUP else "its resident memory"
                yield Turn(reason, False, f"{what} is down to {units.size(value)}")

    def _grown(self, name: str, at_s: float, value: float) -> list[Turn]:
        trend = self._trends[name]
        rate_max = self._options.rate_bytes_per_s if name == "rss" else None
        if not trend.add(at_s, value, rate_max):
            return []
        course, noun = trend.course, trend.figure.noun
        assert course is not None
        if not trend.is_alarm:
            message = f"its {noun} does not grow any more ({course.shape})"
            return [Turn(Reason.GROWTH, False, message)]
        rate = trend.figure.rate(course.rate_per_s)
        message = f"its {noun} grows: {rate} for {_span(course.span_s)}"
        if name == "rss":
            message += self._until_limit(course.rate_per_s)
        return [Turn(Reason.GROWTH, True, message)]

    def _until_limit(self, rate_per_s: float) -> str:
        assert self._reading is not None
        left = [
            (limit - value) / rate_per_s
            for reason, value, limit in self._loads(self._reading)
            if reason not in self._over
        ]
        return f"; at its limit in {_span(min(left))}" if left and rate_per_s > 0 else ""


def _limit_words(reason: Reason, value: float, limit: float) -> str:
    if reason is Reason.CGROUP:
        whole = units.size(limit / LIMIT_SHARE)
        return f"its control group uses {units.size(value)} of {whole}: at the limit it is killed"
    return f"it has {units.size(value)} resident, more than {units.size(limit)}"


def _span(seconds: float) -> str:
    """``40 s``, ``35 min``, ``5.2 h``, ``3.1 days``."""
    for limit, unit, word in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            amount = seconds / unit
            return f"{amount:.1f} {word}" if word == "h" else f"{amount:.0f} {word}"
    return f"{seconds / 86_400:.1f} days"
