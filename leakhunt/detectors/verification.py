"""Is it fixed?  The rates of two hunts of the same load, compared by fingerprint.

A fingerprint is compared as it is: a holder that was renamed is one fixed and one new finding,
never guessed to be the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from leakhunt.detectors.base import Category, Finding, Verdict
from leakhunt.detectors.verdict import CHANCE

SAME_SHARE = 0.10
"""Rates of objects that differ by less than this part of the earlier one are the same."""
SAME_BYTES_SHARE = 0.25
"""The same for rates of bytes: containers and buffers grow in steps of up to an eighth."""


class Status(StrEnum):
    """What became of a finding, the worst last."""

    FIXED = "fixed"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    UNKNOWN = "unknown"
    """Not seen again, but the hunt was too short to see it."""
    WORSE = "worse"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Rates:
    """One finding of one hunt."""

    verdict: Verdict
    count_per_cycle: float | None
    bytes_per_cycle: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """One finding before and after."""

    status: Status
    fingerprint: str
    category: Category
    holder: str
    """Its path."""
    type: str
    """Type of the holder."""
    before: Rates | None
    after: Rates | None
    measure: str | None
    """``count`` or ``bytes``: what decided between improved, unchanged and worse."""
    threshold: float | None
    """Change of that rate, per cycle, up to which it counts as unchanged."""


def compare_findings(
    before: Iterable[Finding],
    after: Iterable[Finding],
    *,
    cycles_before: int | None,
    cycles_after: int | None,
    least: int = 3,
) -> tuple[Change, ...]:
    """What became of each LEAK and SUSPECT; worst status first, then largest rate.

    ``least``: fewest objects that make a finding in the later hunt: a rate that would not have
    come to so many is ``unknown`` instead of ``fixed``.
    """
    old, new = _by_fingerprint(before), _by_fingerprint(after)
    changes = []
    for fingerprint in {**old, **new}:
        one, other = old.get(fingerprint), new.get(fingerprint)
        if _is_loud(one) or _is_loud(other):
            changes.append(_change(one, other, cycles_before, cycles_after, least))
    order = list(Status)
    return tuple(sorted(changes, key=lambda c: (-order.index(c.status), -_size(c), c.fingerprint)))


@dataclass(frozen=True, slots=True)
class _Merged:
    """Findings of one fingerprint, their rates added up."""

    finding: Finding
    rates: Rates


def _by_fingerprint(findings: Iterable[Finding]) -> dict[str, _Merged]:
    found: dict[str, _Merged] = {}
    for finding in findings:
        rates = Rates(finding.verdict, finding.count_per_cycle, finding.bytes_per_cycle)
        known = found.get(finding.fingerprint)
        found[finding.fingerprint] = (
            _Merged(finding, rates)
            if known is None
            else _Merged(known.finding, _added(known.rates, rates))
        )
    return found


def _added(a: Rates, b: Rates) -> Rates:
    order = list(Verdict)
    return Rates(
        min(a.verdict, b.verdict, key=order.index),
        None if a.count_per_cycle is None else a.count_per_cycle + (b.count_per_cycle or 0),
        None if a.bytes_per_cycle is None else a.bytes_per_cycle + (b.bytes_per_cycle or 0),
    )


def _is_loud(one: _Merged | None) -> bool:
    return one is not None and one.rates.verdict is not Verdict.NOT


def _is_leak(one: _Merged | None) -> bool:
    return one is not None and one.rates.verdict is Verdict.LEAK


def _change(
    old: _Merged | None,
    new: _Merged | None,
    cycles_before: int | None,
    cycles_after: int | None,
    least: int,
) -> Change:
    measure, threshold = None, None
    if old is None or (not _is_loud(old) and _is_leak(new)):
        status = Status.NEW
    elif new is None or not _is_loud(new):
        status = Status.FIXED if _would_show(old.rates, cycles_after, least) else Status.UNKNOWN
    else:
        status, measure, threshold = _by_rates(
            old.rates, new.rates, cycles_before or 1, cycles_after or 1
        )
        # A suspect that grew before too, and was judged harmless, is new if it grows faster.
        if status is Status.WORSE and not _is_loud(old):
            status = Status.NEW
    finding = (new or old or _nothing()).finding
    return Change(
        status=status,
        fingerprint=finding.fingerprint,
        category=finding.category,
        holder=finding.holder.path,
        type=finding.holder.type,
        before=None if old is None else old.rates,
        after=None if new is None else new.rates,
        measure=measure,
        threshold=threshold,
    )


def _nothing() -> _Merged:
    raise AssertionError("a change has a finding on one side at least")


def _would_show(rates: Rates, cycles: int | None, least: int) -> bool:
    """Would growth at this rate have made a finding in so many cycles?"""
    if cycles is None:
        return False
    if rates.count_per_cycle:
        return rates.count_per_cycle * cycles >= least
    return (rates.bytes_per_cycle or 0) * cycles >= max(64, cycles)


def _by_rates(
    old: Rates, new: Rates, cycles_before: int, cycles_after: int
) -> tuple[Status, str, float]:
    """Compare objects per cycle; where they agree, or there are none, bytes per cycle."""
    a, b = old.count_per_cycle or 0.0, new.count_per_cycle or 0.0
    noise = count_noise(a, cycles_before, b, cycles_after)
    if a or b:
        threshold = max(SAME_SHARE * a, noise)
        if abs(b - a) > threshold:
            return (Status.IMPROVED if b < a else Status.WORSE), "count", threshold
    x, y = old.bytes_per_cycle or 0.0, new.bytes_per_cycle or 0.0
    share = max(SAME_BYTES_SHARE, noise / a if a else 0.0)
    limit = share * x
    if abs(y - x) > limit:
        return (Status.IMPROVED if y < x else Status.WORSE), "bytes", limit
    if a or b:
        return Status.UNCHANGED, "count", max(SAME_SHARE * a, noise)
    return Status.UNCHANGED, "bytes", limit


def count_noise(a: float, cycles_a: int, b: float, cycles_b: int) -> float:
    """By how much two rates of objects per cycle may differ by chance.

    Objects that leak now and then are taken for a Poisson process: a rate measured over n
    cycles has the variance rate / n, and the difference of two the sum of theirs.  The limit is
    2.5 standard deviations.  A leak of a whole number in each cycle, in both hunts, is no
    accident: its limit is 0.
    """
    if a == int(a) and b == int(b) and a and b:
        return 0.0
    return float(CHANCE * (a / cycles_a + b / cycles_b) ** 0.5)


def _size(change: Change) -> float:
    rates = (change.before, change.after)
    return max((one.bytes_per_cycle or 0.0 for one in rates if one is not None), default=0.0)
