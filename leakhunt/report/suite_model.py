"""What watching a test suite found.  Loads nothing that a run in which nothing leaks needs not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from leakhunt.report.watched_test import WatchedTest


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
        if not self.tests:
            return "NOT"
        from leakhunt.report.watched_test import Outcome

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
