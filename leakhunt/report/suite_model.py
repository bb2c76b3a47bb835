"""What watching a test suite found.  Loads nothing that a run in which nothing leaks needs not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from leakhunt.detectors.base import Finding


class Outcome(StrEnum):
    """What became of a test that was looked at more closely."""

    LEAK = "leak"
    """Repeated: its cycles leave objects behind."""
    KNOWN = "known"
    """The same, but all of it is accepted."""
    SUSPECT = "suspect"
    """Repeated: something still grows, but that it is a leak is not proven."""
    CLEARED = "cleared"
    """Repeated: what it left the first time was left once."""
    LEFT = "left"
    """Run once: it left something behind, which may be a cache."""


@dataclass(frozen=True)
class Left:
    """Objects that outlived a test that ran once, by who holds them."""

    type: str
    count: int
    bytes: int
    """Their shallow bytes."""
    holder: str


class WatchedTest(NamedTuple):
    """One test that left something behind."""

    test: str
    """Its node id."""
    outcome: Outcome
    file: str
    """Relative to the root of the run."""
    line: int | None
    """Of the test, from 1."""
    objects: int
    """That it left in its first run, as far as the collector tracks them."""
    blocks: int
    """Allocated blocks of any kind, likewise."""
    cycles: int | None = None
    """How often it was repeated; None when it was not."""
    is_thawed: bool = False
    """It called the collector itself: only blocks were counted."""
    findings: tuple[Finding, ...] = ()
    """Of the repetition, those that count; worst first."""
    left: tuple[Left, ...] = ()
    """When it was not repeated: what is still there at the end of the run."""
    notes: tuple[str, ...] = ()
    """What else grew and does not count, and why."""


class SuiteReport(NamedTuple):
    """The whole run; of several workers, the sum."""

    watched: int = 0
    """Tests."""
    thawed: int = 0
    """Of these, tests that called the collector themselves, checked by blocks alone."""
    watch_ns: int = 0
    """What watching took, repetitions left out."""
    confirm_ns: int = 0
    """What repetitions took."""
    is_confirming: bool = False
    is_failing: bool = False
    is_frozen: bool = True
    """False: the program froze objects itself, so whole collections were made instead."""
    tests: tuple[WatchedTest, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """LEAK, SUSPECT or NOT: the worst test's; what ran once proves nothing."""
        found = {one.outcome for one in self.tests}
        if Outcome.LEAK in found:
            return "LEAK"
        return "SUSPECT" if found & {Outcome.SUSPECT, Outcome.LEFT} else "NOT"


def joined(reports: Sequence[SuiteReport]) -> SuiteReport:
    """The reports of several workers as one."""
    return SuiteReport(
        watched=sum(one.watched for one in reports),
        thawed=sum(one.thawed for one in reports),
        watch_ns=sum(one.watch_ns for one in reports),
        confirm_ns=sum(one.confirm_ns for one in reports),
        is_confirming=any(one.is_confirming for one in reports),
        is_failing=any(one.is_failing for one in reports),
        is_frozen=all(one.is_frozen for one in reports),
        tests=tuple(sorted(_all(reports), key=lambda one: one.test)),
        notes=tuple(dict.fromkeys(note for one in reports for note in one.notes)),
    )


def _all(reports: Iterable[SuiteReport]) -> Iterable[WatchedTest]:
    return (test for one in reports for test in one.tests)
