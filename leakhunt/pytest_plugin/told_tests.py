"""What a run says of single tests: which left something behind, and what became of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from leakhunt.report import units
from leakhunt.report.escape import escape
from leakhunt.report.suite_model import SuiteReport
from leakhunt.report.watched_test import Outcome, WatchedTest

_SHOWN = 20
_ORDER = (Outcome.LEAK, Outcome.SUSPECT, Outcome.LEFT, Outcome.KNOWN)
_MARKUP = {
    Outcome.LEAK: {"red": True, "bold": True},
    Outcome.SUSPECT: {"yellow": True},
    Outcome.LEFT: {"yellow": True},
    Outcome.KNOWN: {},
}


def tell(report: SuiteReport, terminal: Any) -> None:
    """A paragraph a test, worst first."""
    shown = _shown(report)
    for one in shown[:_SHOWN]:
        terminal.write(f"{one.outcome.upper():<8}", **_MARKUP[one.outcome])
        first, *more = _lines(one)
        terminal.write_line(first)
        for line in more:
            terminal.write_line(f"        {line}")
    if rest := shown[_SHOWN:]:
        terminal.write_line(f"and {len(rest):,} more: --leakhunt-report FILE.json lists them all")


def _shown(report: SuiteReport) -> list[WatchedTest]:
    return sorted(
        (one for one in report.tests if one.outcome in _ORDER),
        key=lambda one: (_ORDER.index(one.outcome), one.test),
    )


def _lines(one: WatchedTest) -> list[str]:
    lines = [escape(one.test, limit=None)]
    if one.outcome is Outcome.LEFT:
        lines += [
            f"{left.count:,} {escape(left.type)} ({units.size(left.bytes)}), "
            f"held by {escape(left.holder)}"
            for left in one.left
        ]
        if not one.left and one.objects:
            lines.append(f"{units.plural(one.objects, 'object')} in the first run")
        elif not one.left:
            lines.append(f"{one.blocks:,} blocks of memory, of objects that no collector tracks")
    for finding in one.findings:
        lines.append(escape(finding.title, limit=500))
        if one.outcome is Outcome.LEAK and finding.advice:
            lines.append(escape(finding.advice, limit=500))
        if one.outcome is Outcome.SUSPECT:
            lines.append(escape(finding.reason, limit=500))
    return lines + [escape(note, limit=500) for note in one.notes if one.outcome is Outcome.LEFT]


def next_steps(report: SuiteReport) -> Iterator[str]:
    """How to find out more, where tests ran once."""
    shown = _shown(report)
    if report.is_confirming or not shown:
        return
    tests = " ".join(shlex.quote(one.test) for one in shown[:1])
    yield "These ran once, and what they left may be a cache.  To find out:"
    yield f"  pytest --leakhunt-confirm {escape(tests, limit=None)}"


def github_annotations(report: SuiteReport) -> Iterator[str]:
    """Workflow commands of GitHub Actions, one a leak."""
    for one in report.tests:
        if one.outcome is not Outcome.LEAK:
            continue
        level = "error" if report.is_failing or not report.is_confirming else "warning"
        place = f"file={_property(one.file)}"
        place += "" if one.line is None else f",line={one.line}"
        for finding in one.findings:
            title = _property(f"leakhunt: {finding.category} in {one.test}")
            text = _data(f"{finding.title} {finding.advice}")
            yield f"::{level} {place},title={title}::{text}"


def _data(text: str) -> str:
    text = escape(text, limit=1000)
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
