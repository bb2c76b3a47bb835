"""What watching a test suite found, as data and as JSON (schema ``leakhunt.pytest/1``)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from leakhunt.detectors.base import Finding
from leakhunt.report.json_fields import Fields
from leakhunt.report.json_report import finding_object, read_finding

SUITE_SCHEMA = "leakhunt.pytest/1"


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


@dataclass(frozen=True, slots=True)
class Left:
    """Objects that outlived a test that ran once, by who holds them."""

    type: str
    count: int
    bytes: int
    """Their shallow bytes."""
    holder: str


@dataclass(frozen=True, slots=True)
class WatchedTest:
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


@dataclass(frozen=True, slots=True)
class SuiteReport:
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
    notes: tuple[str, ...] = field(default=())

    @property
    def verdict(self) -> str:
        """LEAK, SUSPECT or NOT: the worst test's; what ran once proves nothing."""
        found = {one.outcome for one in self.tests}
        if Outcome.LEAK in found:
            return "LEAK"
        return "SUSPECT" if found & {Outcome.SUSPECT, Outcome.LEFT} else "NOT"


def suite_to_json(report: SuiteReport, *, indent: int | None = 2) -> str:
    """ASCII JSON text without a final newline."""
    return json.dumps(suite_to_dict(report), indent=indent, ensure_ascii=True, allow_nan=False)


def suite_to_dict(report: SuiteReport) -> dict[str, Any]:
    """Plain dicts, lists, strings, numbers and None."""
    return {
        "schema": SUITE_SCHEMA,
        "verdict": report.verdict,
        "watched": report.watched,
        "thawed": report.thawed,
        "watch_ns": report.watch_ns,
        "confirm_ns": report.confirm_ns,
        "is_confirming": report.is_confirming,
        "is_failing": report.is_failing,
        "is_frozen": report.is_frozen,
        "tests": [_record(one) for one in report.tests],
        "notes": list(report.notes),
    }


def _record(one: WatchedTest) -> dict[str, Any]:
    return {
        "test": one.test,
        "outcome": str(one.outcome),
        "file": one.file,
        "line": one.line,
        "objects": one.objects,
        "blocks": one.blocks,
        "cycles": one.cycles,
        "is_thawed": one.is_thawed,
        "findings": [finding_object(finding) for finding in one.findings],
        "left": [asdict(left) for left in one.left],
        "notes": list(one.notes),
    }


def suite_from_json(text: str | bytes) -> SuiteReport:
    """The report of a text that :func:`suite_to_json` wrote.

    Raises UsageError naming the place that is not as it should be; ValueError for no JSON.
    """
    fields = Fields(json.loads(text))
    return SuiteReport(
        watched=fields.integer("watched"),
        thawed=fields.integer("thawed"),
        watch_ns=fields.integer("watch_ns"),
        confirm_ns=fields.integer("confirm_ns"),
        is_confirming=fields.boolean("is_confirming"),
        is_failing=fields.boolean("is_failing"),
        is_frozen=fields.boolean("is_frozen"),
        tests=fields.each("tests", _read_record),
        notes=fields.texts("notes"),
    )


def _read_record(value: object, place: str) -> WatchedTest:
    fields = Fields(value, place)
    return WatchedTest(
        test=fields.text("test"),
        outcome=fields.one_of("outcome", Outcome),
        file=fields.text("file"),
        line=fields.integer_or_none("line"),
        objects=fields.integer("objects"),
        blocks=fields.integer("blocks"),
        cycles=fields.integer_or_none("cycles"),
        is_thawed=fields.boolean("is_thawed"),
        findings=fields.each("findings", read_finding),
        left=fields.each("left", _read_left),
        notes=fields.texts("notes"),
    )


def _read_left(value: object, place: str) -> Left:
    fields = Fields(value, place)
    return Left(
        type=fields.text("type"),
        count=fields.integer("count"),
        bytes=fields.integer("bytes"),
        holder=fields.text("holder"),
    )


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
