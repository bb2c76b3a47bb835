"""The trend test on simulated series: what it finds, and how often it cries wolf.

Each series is judged as a watch judges it: after every window, an alarm when eight judgements in
a row say "growing".  The rates that stand here are those of the manual (howto/watch-a-service).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from leakhunt.analysis.course import (
    WIDTHS,
    WINDOWS_MAX,
    History,
    Shape,
    Window,
    chance_of_rise,
    course_of,
    is_bent,
    judge,
    theil_sen,
)
from leakhunt.analysis.trend.slope import slope
from leakhunt.hunt.watch.watched import PERSISTENCE

MIB = 1 << 20
LEVEL = 200.0 * MIB
LEAST = 0.02 * LEVEL
STEP_S = 10.0
Series = NDArray[np.float64]
Make = Callable[[np.random.Generator, Series], Series]


def linear(rng: np.random.Generator, t: Series) -> Series:
    return rng.uniform(0.1, 1.0) * LEVEL * t / len(t)


def leaky_sawtooth(rng: np.random.Generator, t: Series) -> Series:
    saw = rng.uniform(0.03, 0.1) * LEVEL * ((t / rng.uniform(10, 100)) % 1)
    return saw + rng.uniform(0.4, 1.0) * LEVEL * t / len(t)


def staircase(rng: np.random.Generator, t: Series) -> Series:
    """A leak that takes memory in arenas."""
    stairs = np.floor(t / rng.uniform(10, 40))
    grown: Series = rng.uniform(0.2, 1.0) * LEVEL * stairs / stairs[-1]
    return grown


def flat(_: np.random.Generator, t: Series) -> Series:
    return np.zeros(len(t))


def warm_up(rng: np.random.Generator, t: Series) -> Series:
    grown: Series = rng.uniform(0.1, 0.5) * LEVEL * (1 - np.exp(-t / rng.uniform(20, 150)))
    return grown


def ramp(rng: np.random.Generator, t: Series) -> Series:
    grown: Series = rng.uniform(0.1, 0.5) * LEVEL * np.minimum(t / rng.uniform(20, 180), 1)
    return grown


def sawtooth(rng: np.random.Generator, t: Series) -> Series:
    saw: Series = rng.uniform(0.1, 0.5) * LEVEL * ((t / rng.uniform(10, 180) + rng.uniform()) % 1)
    return saw


def step(rng: np.random.Generator, t: Series) -> Series:
    out = np.zeros(len(t))
    out[int(len(t) * rng.uniform(0.1, 0.9)) :] = rng.uniform(0.1, 0.5) * LEVEL
    return out


def wave(rng: np.random.Generator, t: Series) -> Series:
    turns = rng.uniform(3, 6)
    swing = 1 - np.cos(2 * np.pi * (t / (len(t) / turns) + rng.uniform()))
    up: Series = rng.uniform(0.1, 0.5) * LEVEL * swing / 2
    return up


def bursts(rng: np.random.Generator, t: Series) -> Series:
    out = np.zeros(len(t))
    for start in rng.integers(0, len(t), len(t) // 100):
        out[start : start + rng.integers(1, 30)] += rng.uniform(0.1, 0.5) * LEVEL
    return out


def noise(rng: np.random.Generator, n: int, share: float, memory: float) -> Series:
    """Normal, of a standard deviation, each value tied to the one before (AR(1))."""
    fresh = rng.normal(0, share * LEVEL, n)
    out = np.empty(n)
    out[0] = fresh[0]
    for i in range(1, n):
        out[i] = memory * out[i - 1] + np.sqrt(1 - memory**2) * fresh[i]
    return out


NOISES = ((0.0, 0.0), (0.005, 0.0), (0.01, 0.9))
"""Standard deviation, as a share of the level, and correlation from sample to sample."""


def alarmed(make: Make, seed: int, samples: int, noisy: tuple[float, float]) -> int | None:
    """The sample at which a watch would raise an alarm; None without one."""
    rng = np.random.default_rng([seed, samples])
    t = np.arange(samples, dtype=float)
    values = LEVEL + make(rng, t) + noise(rng, samples, *noisy)
    history, agreed = History(), 0
    for i, value in enumerate(values.tolist()):
        if history.add(i * STEP_S, value):
            is_growing = course_of(history, LEAST).shape is Shape.GROWING
            agreed = agreed + 1 if is_growing else 0
            if agreed == PERSISTENCE:
                return i
    return None


@pytest.mark.parametrize("noisy", NOISES)
@pytest.mark.parametrize("make", [linear, leaky_sawtooth, staircase])
def test_growth_is_found(make: Make, noisy: tuple[float, float]) -> None:
    found = [alarmed(make, seed, 2000, noisy) for seed in range(4)]
    assert None not in found


@pytest.mark.parametrize("noisy", NOISES)
@pytest.mark.parametrize("make", [flat, warm_up, ramp, sawtooth, step, wave, bursts])
def test_no_alarm_for_what_does_not_grow(make: Make, noisy: tuple[float, float]) -> None:
    found = [alarmed(make, seed, 2000, noisy) for seed in range(4)]
    assert found == [None] * 4


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_the_stated_rates_hold_over_many_series() -> None:
    growing: list[Make] = [linear, leaky_sawtooth, staircase]
    harmless: list[Make] = [flat, ramp, sawtooth, step, wave, bursts]
    for noisy in NOISES:
        for make in growing:
            missed = sum(alarmed(make, seed, 2000, noisy) is None for seed in range(50))
            assert missed <= 1, (make.__name__, noisy, missed)
        for make in harmless:
            cried = sum(alarmed(make, seed, 2000, noisy) is not None for seed in range(50))
            assert cried <= 1, (make.__name__, noisy, cried)
        cried = sum(alarmed(warm_up, seed, 2000, noisy) is not None for seed in range(50))
        assert cried <= 3, ("warm_up", noisy, cried)


def shape_of(values: Series) -> Shape:
    history = History()
    for i, value in enumerate(values.tolist()):
        history.add(i * STEP_S, value)
    return course_of(history, LEAST).shape


T = np.arange(2000, dtype=float)


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (np.full(100, LEVEL), Shape.SHORT),
        (np.full(2000, LEVEL), Shape.STEADY),
        (LEVEL + T / 2000 * LEVEL, Shape.GROWING),
        (LEVEL + (1 - np.exp(-T / 300)) * LEVEL, Shape.WARMING_UP),
        (LEVEL + (T > 700) * LEVEL, Shape.STEP),
        (LEVEL + (T / 100 % 1) * LEVEL, Shape.SWINGING),
        (LEVEL + np.sin(T / 100) * LEVEL / 2, Shape.SWINGING),
        (LEVEL - T / 2000 * LEVEL / 2, Shape.SWINGING),
    ],
)
def test_shapes_have_names(values: Series, shape: Shape) -> None:
    assert shape_of(values) is shape


def test_a_leak_that_starts_after_days_is_found_within_an_hour() -> None:
    calm, after = 40_000, 600
    values = np.concatenate([np.zeros(calm), np.arange(after) * LEVEL / 2000]) + LEVEL
    history, at = History(), None
    for i, value in enumerate(values.tolist()):
        is_new = history.add(i * STEP_S, value)
        if i > calm and is_new and at is None and course_of(history, LEAST).shape is Shape.GROWING:
            at = i - calm
    assert at is not None
    assert 60 <= at <= 360


def windows_of(values: list[float]) -> list[Window]:
    return [Window(float(i), value, value) for i, value in enumerate(values)]


def test_half_a_wave_is_bent_and_a_line_is_not() -> None:
    half = [1 - math.cos(math.pi * i / 39) for i in range(40)]
    assert is_bent(windows_of(half))
    assert is_bent(windows_of(half[:28]))
    assert not is_bent(windows_of([3.0 * i for i in range(40)]))
    assert not is_bent(windows_of([3.0 * i + 20 * (i % 5) for i in range(40)]))


@given(st.lists(st.floats(0, 1e6), min_size=24, max_size=40), st.floats(1e-3, 1e3))
def test_a_bend_has_no_unit(values: list[float], scale: float) -> None:
    """What numpy's least squares say of the same fits, for any values and any scale."""
    x = np.linspace(0, 1, len(values))
    turns = [2 * np.pi * x / period for period in (1.2, 1.6, 2.0, 2.5, 3.2)]
    bases = [np.stack([np.ones_like(x), np.cos(t), np.sin(t)]).T for t in turns]
    line = np.stack([np.ones_like(x), x]).T

    def left(basis: Series) -> float:
        found = np.linalg.lstsq(basis, np.array(values), rcond=None)[0]
        return float(np.sum((values - basis @ found) ** 2))

    least, most = min(map(left, bases)), left(line)
    if abs(least - 0.6 * most) > 1e-6 * (1 + most):
        assert is_bent(windows_of(values)) == (least < 0.6 * most)
        assert is_bent(windows_of([v * scale for v in values])) == (least < 0.6 * most)


@pytest.mark.parametrize("period", [330, 420, 520, 660, 900])
def test_a_watch_that_begins_in_a_trough_waits_for_the_crest(period: int) -> None:
    """The rise of the first wave takes longer than a verdict."""

    def from_trough(_: np.random.Generator, t: Series) -> Series:
        up: Series = LEVEL * (1 - np.cos(2 * np.pi * t / period)) / 2
        return up

    assert alarmed(from_trough, 0, 2000, NOISES[0]) is None


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0], [1.0] * 30, [0.0, 1.0], []])
def test_little_or_nothing_is_no_rise(values: list[float]) -> None:
    assert chance_of_rise(values, [float(i) for i in range(len(values))], 0.0) > 0.05


def test_the_size_of_a_history_is_bounded() -> None:
    history = History()
    closed = sum(history.add(float(i), float(i % 97)) for i in range(300_000))
    assert closed == 300_000 // WIDTHS[0]
    assert [len(level) for level in history.levels] == [WINDOWS_MAX] * len(WIDTHS)
    assert history.levels[0][-1].peak <= 96


def test_a_full_history_takes_no_more_memory_than_a_new_one() -> None:
    def size() -> tuple[int, int]:
        objects = [v for level in history._levels for v in vars(level).values()]
        return len(objects), sum(map(sys.getsizeof, objects))

    history = History()
    # One sample: its count is a number like any other.
    history.add(0.0, 1.0)
    new = size()
    for i in range(1, 100_000):
        history.add(float(i), float(i % 97))
    assert size() == new


@given(st.lists(st.floats(-1e9, 1e9), max_size=1200))
@settings(max_examples=30)
def test_windows_are_the_least_and_the_most_of_equally_many_samples(values: list[float]) -> None:
    history = History()
    for i, value in enumerate(values):
        history.add(float(i), value)
    for width, level in zip(WIDTHS, history.levels, strict=True):
        parts = [values[i : i + width] for i in range(0, len(values) - width + 1, width)]
        expected = [Window(float(i * width), min(p), max(p)) for i, p in enumerate(parts)]
        assert list(level) == expected[-WINDOWS_MAX:]


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=20))
def test_the_slope_is_that_of_a_ladder(values: list[float]) -> None:
    x = [float(i) for i in range(len(values))]
    assert theil_sen(x, values) == pytest.approx(slope(x, values).rate, rel=1e-9, abs=1e-6)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1e12), min_size=24, max_size=64))
def test_any_values_have_a_course(values: list[float]) -> None:
    found = judge([Window(float(i), v, v) for i, v in enumerate(values)], 1.0)
    assert 0 <= found.chance <= 1
    assert found.span_s == len(values) - 1


def test_without_a_trend_the_chance_is_what_it_says() -> None:
    """Of independent values one in twenty has a chance below 5 %."""
    rng = np.random.default_rng(7)
    x = [float(i) for i in range(40)]
    below = sum(
        chance_of_rise(values, x, theil_sen(x, values)) < 0.05
        for values in (rng.normal(size=40).tolist() for _ in range(400))
    )
    assert 6 <= below <= 36
