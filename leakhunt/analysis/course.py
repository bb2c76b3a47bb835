"""How a figure that is watched for long goes on: does it grow, warm up, or come and go?

Pure, and of the standard library alone: who watches a process for months must stay small.

A sample says little (a collector, a burst of requests), so what is judged are *floors*: the least
value in each of many equal windows.  What a process gives back again is not in its floor.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

WIDTHS: Final = (8, 64, 512)
"""Samples in a window, level by level: at one every 10 s, 80 s, 11 min and 85 min."""
WINDOWS_MAX: Final = 64
"""Windows that a level keeps: at one sample every 10 s, 85 min, 11 h and 4 days."""
WINDOWS_MIN: Final = 24
"""Fewer are not judged."""
SIGNIFICANT: Final = 0.001
"""Chance of such a rise without a trend, from which on it counts as one."""
_STILL: Final = 0.01
"""The same for the last half of the windows, which are fewer."""
_SLOWED: Final = 0.6
"""The last third rose slower than the first by this factor: it warms up."""
_FELL: Final = 0.5
"""It fell by this part of its rise somewhere: it comes and goes."""
_JUMP: Final = 0.6
"""This part of the rise in one step, or `_JUMPS` of it in three: it does not grow all along."""
_JUMPS: Final = 0.85
_WAVES: Final = (1.2, 1.6, 2.0, 2.5, 3.2)
"""Periods of waves that may still look like growth, as multiples of the time looked at."""
_BENT: Final = 0.6
"""A wave leaves less of the floors unexplained than a line does, by this factor."""


class Shape(StrEnum):
    """How a figure goes on."""

    SHORT = "short"
    """Not watched for long enough to be judged, or to tell growth from the rise of a wave."""
    STEADY = "steady"
    GROWING = "growing"
    """Its floor rises, as fast in the end as in the beginning."""
    WARMING_UP = "warming up"
    """It rose ever slower, or has stopped rising."""
    STEP = "step"
    """It rose once and stays there."""
    SWINGING = "swinging"
    """It rises and falls back: a sawtooth, a daily wave."""


@dataclass(frozen=True, slots=True)
class Window:
    """Samples in a row."""

    at_s: float
    """Of the first one."""
    floor: float
    peak: float


@dataclass(frozen=True, slots=True)
class Course:
    """How a figure went over some windows."""

    shape: Shape
    rate_per_s: float
    """Theil-Sen slope of the floors: the median of the slopes of all pairs."""
    growth: float
    """That slope over the time looked at, in the unit of the figure."""
    span_s: float
    """The time looked at."""
    chance: float
    """That floors without a trend rise like this (Mann-Kendall, one-sided, corrected for
    autocorrelation); 1 when there is no rise."""


class _Level:
    """The last windows of one width: a ring, all of whose memory is taken at once.

    One slot more than windows are kept is for the window that is still open.
    """

    _SLOTS: Final = WINDOWS_MAX + 1

    def __init__(self, width: int) -> None:
        self._width = width
        self._samples = 0
        self._at_s, self._floors, self._peaks = (
            array("d", bytes(8 * self._SLOTS)) for _ in range(3)
        )

    def add(self, at_s: float, value: float) -> bool:
        """Take one sample; whether it closed a window."""
        slot = self._samples // self._width % self._SLOTS
        if self._samples % self._width == 0:
            self._at_s[slot], self._floors[slot], self._peaks[slot] = at_s, value, value
        else:
            self._floors[slot] = min(self._floors[slot], value)
            self._peaks[slot] = max(self._peaks[slot], value)
        self._samples += 1
        return self._samples % self._width == 0

    def windows(self) -> list[Window]:
        """Those that are closed, in order of time."""
        closed = self._samples // self._width
        slots = (i % self._SLOTS for i in range(max(closed - WINDOWS_MAX, 0), closed))
        return [Window(self._at_s[i], self._floors[i], self._peaks[i]) for i in slots]


class History:
    """The windows of one figure, at several widths.  Its size never changes: 5 kB."""

    def __init__(self) -> None:
        self._levels = [_Level(width) for width in WIDTHS]

    @property
    def levels(self) -> tuple[Sequence[Window], ...]:
        """The closed windows of each level, the narrowest first."""
        return tuple(level.windows() for level in self._levels)

    def add(self, at_s: float, value: float) -> bool:
        """Take one sample; whether it closed a window, so that there is something new to judge.

        O(1).  Times must rise.
        """
        closed = [level.add(at_s, value) for level in self._levels]
        return closed[0]


def course_of(history: History, least: float) -> Course:
    """How a figure goes on, all levels considered.  ``least``: a smaller rise is none.

    It is growing if the floors of one level are, and stand above every floor that a longer level
    knows of the time before: what came back before may come back again.  As long as little is
    known of that time, they must not bend like a wave either.  Else it is what the longest level
    that can be judged says.  O(WINDOWS_MAX²), a few milliseconds.
    """
    return _course_of(history.levels, least)


def rehearse() -> None:
    """Judge a history that is full and grows: the memory of the largest judgement there is.

    Else who watches for days takes ever more until its histories are full.
    """
    levels = [
        [Window(float(i * width), float(i), float(i)) for i in range(WINDOWS_MAX)]
        for width in WIDTHS
    ]
    _course_of(levels, 1.0)


def _course_of(levels: Sequence[Sequence[Window]], least: float) -> Course:
    courses = [judge(windows, least) for windows in levels]
    growing = [i for i, course in enumerate(courses) if course.shape is Shape.GROWING]
    doubtful = {i for i in growing if _is_young(levels, i) and is_bent(levels[i])}
    for i in growing:
        if i not in doubtful and all(_is_above(levels[i], x, least) for x in levels[i + 1 :]):
            return courses[i]
    known = [i for i, course in enumerate(courses) if course.shape is not Shape.SHORT]
    if not known:
        return courses[0]
    longest = courses[known[-1]]
    if longest.shape is not Shape.GROWING:
        return longest
    # It fell back, or it may be about to.
    shape = Shape.SHORT if known[-1] in doubtful else Shape.SWINGING
    return Course(shape, *_figures(longest))


def _figures(course: Course) -> tuple[float, float, float, float]:
    return course.rate_per_s, course.growth, course.span_s, course.chance


def _is_above(windows: Sequence[Window], longer: Sequence[Window], least: float) -> bool:
    """Whether its last floors are higher than all before its time."""
    started_s = windows[0].at_s
    before = [window.floor for window in longer if window.at_s < started_s]
    last = sorted(window.floor for window in list(windows)[-3:])
    return not before or last[0] > max(before) + least / 2


def _is_young(levels: Sequence[Sequence[Window]], index: int) -> bool:
    """Whether less is known of the time before a level's windows than they cover themselves."""
    windows = levels[index]
    oldest_s = min(level[0].at_s for level in levels if level)
    return windows[0].at_s - oldest_s < windows[-1].at_s - windows[0].at_s


def is_bent(windows: Sequence[Window]) -> bool:
    """Whether part of a wave explains the floors better than a line does: what rises so far may
    fall.

    Compares the sums of squares that a line and the best harmonic leave (least-squares spectral
    analysis: Vaníček 1969, Lomb 1976), for periods of 1.2 to 3.2 times the time looked at; shorter
    waves have fallen, longer ones are lines.  O(windows).
    """
    floors = [window.floor for window in windows]
    span_s = windows[-1].at_s - windows[0].at_s
    x = [(window.at_s - windows[0].at_s) / span_s for window in windows]
    one = [1.0] * len(x)
    by_line = _unexplained(floors, (one, x))
    turns = ([2 * math.pi * at / period for at in x] for period in _WAVES)
    waves = ((one, [math.cos(a) for a in turn], [math.sin(a) for a in turn]) for turn in turns)
    return any(_unexplained(floors, wave) < _BENT * by_line for wave in waves)


def _unexplained(values: Sequence[float], basis: Sequence[Sequence[float]]) -> float:
    """The sum of squares that the best combination of the basis leaves (modified Gram-Schmidt)."""
    rest, done = list(values), list[list[float]]()
    for vector in basis:
        unit = list(vector)
        for other in done:
            unit = _without(unit, other)
        length = math.sqrt(math.fsum(a * a for a in unit))
        unit = [a / length for a in unit]
        rest = _without(rest, unit)
        done.append(unit)
    return math.fsum(a * a for a in rest)


def _without(values: Sequence[float], unit: Sequence[float]) -> list[float]:
    share = math.fsum(a * b for a, b in zip(values, unit, strict=True))
    return [a - share * b for a, b in zip(values, unit, strict=True)]


def judge(windows: Sequence[Window], least: float) -> Course:
    """How one level goes.  ``least``: a smaller rise is none.  O(windows²)."""
    n = len(windows)
    floors = [window.floor for window in windows]
    times = [window.at_s for window in windows]
    span_s = times[-1] - times[0] if n > 1 else 0.0
    if n < WINDOWS_MIN or span_s <= 0:
        return Course(Shape.SHORT, 0.0, 0.0, span_s, 1.0)
    rate = theil_sen(times, floors)
    growth = rate * span_s
    chance = chance_of_rise(floors, times, rate)

    def course(shape: Shape) -> Course:
        return Course(shape, rate, growth, span_s, chance)

    smooth = list(_medians_of_three(floors))
    rise = smooth[-1] - smooth[0]
    swing = max(window.peak for window in windows) - min(floors)
    if _largest_fall(smooth) > max(_FELL * rise, least):
        return course(Shape.SWINGING)
    if rise < least:
        return course(Shape.SWINGING if swing > 2 * least else Shape.STEADY)
    jumps = _largest_jumps(smooth)
    if jumps[0] >= _JUMP * rise or sum(jumps) >= _JUMPS * rise:
        return course(Shape.STEP)
    third, half = n // 3, n // 2
    first = theil_sen(times[:third], floors[:third])
    last = theil_sen(times[-third:], floors[-third:])
    tail_rate = theil_sen(times[half:], floors[half:])
    tail_chance = chance_of_rise(floors[half:], times[half:], tail_rate)
    if last < _SLOWED * max(first, rate) or tail_chance > _STILL:
        return course(Shape.WARMING_UP)
    if chance > SIGNIFICANT or growth < least:
        return course(Shape.STEADY)
    return course(Shape.GROWING)


def _medians_of_three(values: Sequence[float]) -> Iterator[float]:
    """Each value as the median of itself and its neighbours: single outliers go."""
    for i in range(len(values)):
        near = sorted(values[max(i - 1, 0) : i + 2])
        yield near[(len(near) - 1) // 2]


def _largest_fall(values: Sequence[float]) -> float:
    highest, fall = values[0], 0.0
    for value in values:
        highest = max(highest, value)
        fall = max(fall, highest - value)
    return fall


def _largest_jumps(values: Sequence[float]) -> list[float]:
    """The three largest rises within two windows that do not overlap, the largest first."""
    rises = [b - a for a, b in zip(values, values[2:], strict=False)]
    found: list[float] = []
    for _ in range(3):
        at = max(range(len(rises)), key=rises.__getitem__)
        found.append(max(rises[at], 0.0))
        rises[max(at - 1, 0) : at + 2] = [0.0] * len(rises[max(at - 1, 0) : at + 2])
    return found


def theil_sen(x: Sequence[float], y: Sequence[float]) -> float:
    """The median of the slopes of all pairs of points (Theil 1950, Sen 1968); ``x`` must rise.

    Up to 29 % of the points may be off without moving it far.  O(points²).
    """
    n = len(x)
    slopes = sorted((y[j] - y[i]) / (x[j] - x[i]) for i in range(n) for j in range(i + 1, n))
    if not slopes:
        return 0.0
    middle = len(slopes) // 2
    return slopes[middle] if len(slopes) % 2 else (slopes[middle - 1] + slopes[middle]) / 2


def chance_of_rise(values: Sequence[float], times: Sequence[float], rate: float) -> float:
    """The one-sided p-value of the Mann-Kendall test, its variance corrected for autocorrelation
    (Hamed & Rao 1998, significant lags of the ranks of the detrended values).  O(values²)."""
    n = len(values)
    score = sum(
        (values[j] > values[i]) - (values[j] < values[i]) for i in range(n) for j in range(i + 1, n)
    )
    if n < 3 or score <= 0:
        return 1.0
    variance = n * (n - 1) * (2 * n + 5) / 18 - sum(
        t * (t - 1) * (2 * t + 5) / 18 for t in _ties(values)
    )
    detrended = [value - rate * at for value, at in zip(values, times, strict=True)]
    variance *= max(_inflation(_ranks(detrended)), 1.0)
    if variance <= 0:
        return 1.0
    return 0.5 * math.erfc((score - 1) / math.sqrt(2 * variance))


def _ties(values: Sequence[float]) -> list[int]:
    counts: dict[float, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return [count for count in counts.values() if count > 1]


def _ranks(values: Sequence[float]) -> list[float]:
    """Places in the order of size, equal values in the middle of theirs; less their mean."""
    n = len(values)
    order = sorted(range(n), key=lambda i: values[i])
    ranks = [0.0] * n
    start = 0
    while start < n:
        end = start
        while end < n and values[order[end]] == values[order[start]]:
            end += 1
        for i in range(start, end):
            ranks[order[i]] = (start + end - 1) / 2 - (n - 1) / 2
        start = end
    return ranks


def _inflation(ranks: Sequence[float]) -> float:
    """By what autocorrelation multiplies the variance of the score."""
    n = len(ranks)
    total = sum(rank * rank for rank in ranks)
    if total == 0:
        return 1.0
    limit = 1.96 / math.sqrt(n)
    extra = 0.0
    for lag in range(1, n - 2):
        shared = sum(a * b for a, b in zip(ranks, ranks[lag:], strict=False)) / total
        if abs(shared) > limit:
            extra += (n - lag) * (n - lag - 1) * (n - lag - 2) * shared
    return 1 + 2 * extra / (n * (n - 1) * (n - 2))
