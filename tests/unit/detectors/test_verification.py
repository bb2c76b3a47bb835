"""What became of a finding: statuses, and what may differ by chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from leakhunt.detectors.base import Category, Finding, HolderInfo, Verdict
from leakhunt.detectors.verification import Change, Status, compare_findings, count_noise

CYCLES = 200


def finding(
    count: float | None = 1.0,
    size: float | None = 64.0,
    *,
    verdict: Verdict = Verdict.LEAK,
    name: str = "a",
) -> Finding:
    return Finding(
        rank=1,
        fingerprint=name * 16,
        category=Category.CACHE,
        verdict=verdict,
        reason="",
        confidence=1.0,
        title="",
        holder=HolderInfo(f"shop.{name}", "builtins.dict", 0, 200, 200),
        leaked=(),
        count_per_cycle=count,
        bytes_per_cycle=size,
        retained_bytes=None,
        exclusive_bytes=None,
        retaining_path=(),
    )


def compare(
    before: list[Finding], after: list[Finding], cycles: int | None = CYCLES
) -> tuple[Change, ...]:
    return compare_findings(before, after, cycles_before=CYCLES, cycles_after=cycles)


def status(before: Finding | None, after: Finding | None, cycles: int | None = CYCLES) -> Status:
    (change,) = compare(
        [] if before is None else [before], [] if after is None else [after], cycles
    )
    return change.status


def test_gone_or_no_leak_any_more_is_fixed() -> None:
    assert status(finding(), None) is Status.FIXED
    assert status(finding(), finding(verdict=Verdict.NOT)) is Status.FIXED
    assert status(finding(verdict=Verdict.SUSPECT), None) is Status.FIXED


def test_what_was_not_there_is_new() -> None:
    assert status(None, finding()) is Status.NEW
    assert status(finding(verdict=Verdict.NOT), finding()) is Status.NEW
    assert status(None, finding(verdict=Verdict.SUSPECT)) is Status.NEW


def test_a_suspect_that_grew_as_much_before_is_not_new() -> None:
    harmless = finding(verdict=Verdict.NOT)
    assert status(harmless, finding(verdict=Verdict.SUSPECT)) is Status.UNCHANGED
    faster = finding(verdict=Verdict.SUSPECT, count=3.0)
    assert status(harmless, faster) is Status.NEW


def test_what_never_leaked_is_not_told() -> None:
    quiet = finding(verdict=Verdict.NOT)
    assert compare([quiet], [quiet]) == ()
    assert compare([], []) == ()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((1.0, 64.0), (1.0, 64.0), Status.UNCHANGED),
        ((2.0, 64.0), (1.0, 64.0), Status.IMPROVED),
        ((1.0, 64.0), (2.0, 64.0), Status.WORSE),
        ((10.0, 64.0), (10.9, 64.0), Status.UNCHANGED),
        ((0.5, 64.0), (0.45, 64.0), Status.UNCHANGED),
        ((0.5, 64.0), (0.1, 12.0), Status.IMPROVED),
        ((1.0, 1000.0), (1.0, 200.0), Status.IMPROVED),
        ((1.0, 200.0), (1.0, 1000.0), Status.WORSE),
        ((0.0, 100.0), (0.0, 80.0), Status.UNCHANGED),
        ((0.0, 100.0), (0.0, 50.0), Status.IMPROVED),
        ((0.0, 100.0), (0.0, 130.0), Status.WORSE),
        ((None, None), (None, None), Status.UNCHANGED),
    ],
)
def test_rates(before: tuple[float, float], after: tuple[float, float], expected: Status) -> None:
    (change,) = compare([finding(*before)], [finding(*after)])
    assert change.status is expected
    assert change.measure in ("count", "bytes")
    assert change.threshold is not None


def test_a_hunt_that_was_too_short_cannot_tell() -> None:
    rare = finding(0.05, 3.0)
    assert status(rare, None) is Status.FIXED
    assert status(rare, None, cycles=20) is Status.UNKNOWN
    assert status(finding(0.0, 100.0), None, cycles=1) is Status.FIXED
    assert status(finding(0.0, 10.0), None, cycles=1) is Status.UNKNOWN
    assert status(finding(), None, cycles=None) is Status.UNKNOWN


def test_a_renamed_holder_is_not_guessed() -> None:
    changes = compare([finding(name="a")], [finding(name="b")])
    assert [(c.status, c.holder) for c in changes] == [
        (Status.NEW, "shop.b"), (Status.FIXED, "shop.a"),
    ]  # fmt: skip


def test_findings_of_one_fingerprint_are_added_up() -> None:
    parts = [finding(1.0, 50.0), replace(finding(2.0, 70.0), verdict=Verdict.SUSPECT)]
    (change,) = compare(parts, [finding(3.0, 120.0)])
    assert change.status is Status.UNCHANGED
    assert change.before is not None
    assert (change.before.count_per_cycle, change.before.bytes_per_cycle) == (3.0, 120.0)
    assert change.before.verdict is Verdict.LEAK


def test_the_worst_comes_first_and_then_the_largest() -> None:
    before = [finding(name=n) for n in "abc"]
    after = [finding(name="b"), finding(2.0, 99.0, name="c"), finding(name="d")]
    assert [c.status for c in compare(before, after)] == [
        Status.NEW, Status.WORSE, Status.UNCHANGED, Status.FIXED,
    ]  # fmt: skip


# ---- chance ----


def test_a_whole_number_in_both_hunts_is_no_accident() -> None:
    assert count_noise(2.0, 10, 1.0, 10) == 0.0
    assert count_noise(2.0, 10, 1.1, 10) > 1.0
    assert status(finding(2.0), finding(1.0), cycles=3) is Status.IMPROVED


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.5, 7.3])
def test_the_same_leak_is_hardly_ever_called_improved_or_worse(rate: float) -> None:
    """Twice the same Poisson process: 2.5 deviations are passed in about 1.2 % of all cases."""
    draws = np.random.default_rng(4).poisson(rate * CYCLES, (4000, 2)) / CYCLES
    wrong = sum(moved(float(a), float(b)) for a, b in draws)
    assert wrong / len(draws) < 0.025


@pytest.mark.parametrize("rate", [0.5, 1.5, 7.3])
def test_half_of_a_leak_is_seen_as_improved(rate: float) -> None:
    random = np.random.default_rng(5)
    before = random.poisson(rate * CYCLES, 500) / CYCLES
    after = random.poisson(rate / 2 * CYCLES, 500) / CYCLES
    seen = sum(moved(float(a), float(b)) for a, b in zip(before, after, strict=True))
    assert seen / 500 > 0.9


def moved(a: float, b: float) -> bool:
    found = status(finding(a, 64 * a), finding(b, 64 * b))
    return found in (Status.IMPROVED, Status.WORSE)
