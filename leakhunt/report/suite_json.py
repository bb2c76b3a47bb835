"""What watching a test suite found, as JSON (schema ``leakhunt.pytest/1``).

Findings are those of every report; how they are written is loaded when there are some.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from leakhunt.report.json_fields import Fields, listed, record_of
from leakhunt.report.suite_model import SuiteReport
from leakhunt.report.watched_test import Left, Outcome, WatchedTest

if TYPE_CHECKING:
    from leakhunt.detectors.base import Finding

SUITE_SCHEMA = "leakhunt.pytest/1"


def suite_to_json(report: SuiteReport, *, indent: int | None = 2) -> str:
    """ASCII JSON text without a final newline."""
    return json.dumps(suite_to_dict(report), indent=indent, ensure_ascii=True, allow_nan=False)


def suite_to_dict(report: SuiteReport) -> dict[str, Any]:
    """Plain dicts, lists, strings, numbers and None."""
    tests = [_test_object(one) for one in report.tests]
    head = {"schema": SUITE_SCHEMA, "verdict": report.verdict}
    return {**head, **listed(report), "tests": tests}


def _test_object(one: WatchedTest) -> dict[str, Any]:
    return {
        **listed(one),
        "outcome": str(one.outcome),
        "findings": [_finding_object(finding) for finding in one.findings],
        "left": [asdict(left) for left in one.left],
    }


def suite_from_json(text: str | bytes) -> SuiteReport:
    """The report of a text that :func:`suite_to_json` wrote.

    Raises UsageError naming the place that is not as it should be; ValueError for no JSON.
    """
    fields = Fields(json.loads(text))
    return record_of(SuiteReport, fields, tests=fields.each("tests", _read_test))


def _read_test(value: object, place: str) -> WatchedTest:
    fields = Fields(value, place)
    return record_of(
        WatchedTest,
        fields,
        outcome=fields.one_of("outcome", Outcome),
        findings=fields.each("findings", _read_finding),
        left=fields.each("left", lambda item, at: record_of(Left, Fields(item, at))),
    )


def _finding_object(finding: Finding) -> dict[str, Any]:
    from leakhunt.report.json_report import finding_object

    return finding_object(finding)


def _read_finding(value: object, place: str) -> Finding:
    from leakhunt.report.json_report import read_finding

    return read_finding(value, place)
