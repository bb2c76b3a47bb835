"""Verdicts by the shape of growth."""

from __future__ import annotations

import pytest

from leakhunt.analysis.places import Series
from leakhunt.detectors.base import Verdict
from leakhunt.detectors.verdict import Climb, Judgement, Load, judge, judge_uncollected
from leakhunt.graph.noise import Extent

LOAD = Load(cycles=300, window_cycles=100)


def entries(*values: int | None) -> Series:
    return Series("entries", *values)


@pytest.mark.parametrize(
    ("series", "verdict"),
    [
        (entries(10, 110, 310, 310), Verdict.LEAK),
        (entries(None, 100, 300, 300), Verdict.LEAK),
        (entries(10, 60, 150, 150), Verdict.LEAK),
        (entries(0, 10, 30, 30), Verdict.LEAK),
        (entries(0, 90, 100, 100), Verdict.NOT),
        (entries(0, 100, 100, 100), Verdict.NOT),
        (entries(0, 100, 170, 170), Verdict.SUSPECT),
        (entries(0, 0, 30, 30), Verdict.NOT),
        (entries(0, 50, 300, 300), Verdict.SUSPECT),
        (entries(0, 5, 15, 15), Verdict.SUSPECT),
        (entries(0, 100, 300, 100), Verdict.SUSPECT),
        (entries(50, 50, 50, 50), Verdict.NOT),
        (entries(50, 40, 30, 30), Verdict.NOT),
        (entries(10, None, 310, 310), Verdict.NOT),
    ],
)
def test_growth(series: Series, verdict: Verdict) -> None:
    found = judge(series, LOAD)
    assert found.verdict is verdict, found.reason
    assert found.reason.endswith(".")
    assert 0 <= found.confidence <= 1


def test_an_exact_multiple_is_the_surest_sign() -> None:
    exact = judge(entries(0, 200, 600, 600), LOAD)
    about = judge(entries(0, 200, 613, 613), LOAD)
    assert "exactly 2 entries per cycle" in exact.reason
    assert exact.confidence > about.confidence


@pytest.mark.parametrize("load", [Load(300, None), Load(None, None)])
def test_without_a_second_window_nothing_is_certain(load: Load) -> None:
    assert judge(entries(0, None, 300, 300), load).verdict is Verdict.SUSPECT


def test_what_caps_a_verdict() -> None:
    leak = entries(0, 100, 300, 300)
    other = Load(300, 100, is_same_process=False)
    assert judge(leak, other).verdict is Verdict.SUSPECT
    assert judge(leak, LOAD, noise="import cache").verdict is Verdict.SUSPECT
    kept_small = judge(leak, LOAD, noise="patterns", noise_extent=Extent.SMALL)
    assert kept_small.verdict is Verdict.NOT
    assert judge(leak, LOAD, noise="lines", noise_extent=Extent.ENDLESS).verdict is Verdict.LEAK
    warm_up = judge(entries(0, 101, 301, 301), LOAD, noise="x", noise_extent=Extent.ENDLESS)
    assert warm_up.verdict is Verdict.SUSPECT
    uneven = judge(entries(0, 105, 300, 300), LOAD, noise="x", noise_extent=Extent.ENDLESS)
    assert uneven.verdict is Verdict.SUSPECT
    backlog = judge(entries(0, 100, 500, 300), LOAD, noise="x", noise_extent=Extent.ENDLESS)
    assert backlog.reason.startswith("A backlog")
    assert backlog.reason.endswith("; known noise (x).")
    assert judge(leak, LOAD, follows=True).verdict is Verdict.NOT
    inferred = Load(300, 100, is_exact=False)
    assert judge(leak, inferred).confidence < judge(leak, LOAD).confidence


def test_garbage_that_is_kept() -> None:
    kept = entries(0, 100, 300, 300)
    assert judge_uncollected(kept, LOAD).verdict is Verdict.LEAK
    assert judge_uncollected(kept, Load(300, 100, is_same_process=False)).verdict is Verdict.SUSPECT
    one = judge_uncollected(entries(0, 0, 1, 1), LOAD)
    assert one.verdict is Verdict.SUSPECT
    assert one.reason == "The collector kept 1 object instead of freeing it."


@pytest.mark.parametrize(
    ("bound", "explicit", "verdict"),
    [
        (1000, True, Verdict.NOT),
        (300, True, Verdict.NOT),
        (299, True, Verdict.LEAK),
        (10**9, True, Verdict.NOT),
        (1000, False, Verdict.NOT),
        (10**9, False, Verdict.LEAK),
    ],
)
def test_bounds(bound: int, explicit: bool, verdict: Verdict) -> None:
    found = judge(entries(0, 100, 300, 300), LOAD, bound=bound, is_bound_explicit=explicit)
    assert found.verdict is verdict


# ---- a ladder ----


LEAK = entries(0, 100, 300, 300)


def climbed(*values: int, series: Series = LEAK) -> Judgement:
    cycles = tuple(300 * i for i in range(len(values)))
    return judge(series, LOAD, climb=Climb(cycles, values))


@pytest.mark.parametrize(
    ("is_replaced", "verdict"), [(False, Verdict.LEAK), (True, Verdict.SUSPECT)]
)
def test_new_entries_of_a_full_cache_may_be_larger_than_those_they_replace(
    is_replaced: bool, verdict: Verdict
) -> None:
    series = Series("objects", 3280, 3826, 5069, 5069)
    load = Load(cycles=20, window_cycles=6)
    found = judge(series, load, inside_bound=128, is_replaced=is_replaced)
    assert found.verdict is verdict
    assert ("keeps to its bound of 128" in found.reason) is is_replaced


def test_a_steady_ladder_is_stronger_than_two_windows() -> None:
    windows, ladder = judge(entries(0, 100, 300, 300), LOAD), climbed(0, 300, 600, 900)
    assert (windows.verdict, ladder.verdict) == (Verdict.LEAK, Verdict.LEAK)
    assert ladder.confidence > windows.confidence
    assert "exactly 1 entry per cycle in each of 3 steps" in ladder.reason


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0, 300, 600, 900), Verdict.LEAK),
        ((0, 310, 590, 905), Verdict.LEAK),
        ((0, 300, 310, 312), Verdict.NOT),
        ((0, 300, 300, 300), Verdict.NOT),
        ((0, 300, 90, 200), Verdict.NOT),
        ((0, 300, 150, 450), Verdict.SUSPECT),
        ((0, 300, 500, 600), Verdict.SUSPECT),
        ((0, 30, 300, 1500), Verdict.SUSPECT),
        ((0, 300, 600), Verdict.LEAK),
    ],
)
def test_what_a_ladder_says_of_growth_that_two_windows_call_a_leak(
    values: tuple[int, ...], verdict: Verdict
) -> None:
    found = climbed(*values)
    assert found.verdict is verdict, found.reason
    assert found.reason.endswith(".")


def test_a_ladder_settles_what_the_windows_left_open() -> None:
    unsteady = entries(0, 100, 170, 170)
    assert judge(unsteady, LOAD).verdict is Verdict.SUSPECT
    assert climbed(0, 170, 340, 510, series=unsteady).verdict is Verdict.LEAK
    drained = entries(0, 100, 400, 300)
    assert judge(drained, LOAD).verdict is Verdict.SUSPECT
    assert climbed(0, 300, 600, 900, series=drained).verdict is Verdict.LEAK


def test_a_ladder_does_not_overrule_a_bound_or_noise() -> None:
    climb = Climb((0, 300, 600, 900), (0, 300, 600, 900))
    leak = entries(0, 100, 300, 300)
    bounded = judge(leak, LOAD, climb=climb, bound=1000, is_bound_explicit=True)
    assert bounded.verdict is Verdict.NOT
    assert judge(leak, LOAD, climb=climb, noise="import cache").verdict is Verdict.SUSPECT
    slow = judge(entries(0, 3, 9, 9), LOAD, climb=Climb((0, 300, 600, 900), (0, 9, 18, 27)))
    assert slow.verdict is Verdict.SUSPECT
