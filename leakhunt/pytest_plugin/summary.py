"""The last words of a run.  What is said of single tests is loaded when something was left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from leakhunt.pytest_plugin import plain_imports
from leakhunt.report import units

if TYPE_CHECKING:
    from leakhunt.pytest_plugin.ledger import Ledger
    from leakhunt.report.suite_model import SuiteReport


def tell(report: SuiteReport, terminal: Any, ledger: Ledger) -> None:
    """Write the section; nothing when no suite was watched."""
    if report.tests:
        with plain_imports():
            from leakhunt.pytest_plugin import told_tests
        if os.environ.get("GITHUB_ACTIONS") == "true":
            for line in told_tests.github_annotations(report):
                terminal.write_line(line)
    if not ledger.is_watching:
        return
    terminal.write_sep("=", "leakhunt")
    for line in _head(report):
        terminal.write_line(line)
    if report.tests:
        told_tests.tell(report, terminal)
    for line in report.notes:
        terminal.write_line(line)
    if report.tests:
        for line in told_tests.next_steps(report):
            terminal.write_line(line)


def _head(report: SuiteReport) -> Iterator[str]:
    each_us = report.watch_ns / 1000 / max(1, report.watched)
    yield (
        f"{units.plural(report.watched, 'test')} watched, which took {report.watch_ns / 1e9:.2f} s "
        f"({each_us:,.0f} us each)"
    )
    if report.is_confirming:
        cleared = sum(one.outcome == "cleared" for one in report.tests)
        repeated = sum(one.cycles is not None for one in report.tests)
        yield (
            f"{units.plural(repeated, 'test')} repeated, marked or for what was left "
            f"({report.confirm_ns / 1e9:.1f} s): {cleared:,} left nothing more"
        )
    if report.thawed:
        yield (
            f"{units.plural(report.thawed, 'test')} called the collector or looked at its objects: "
            "these ran with the whole heap, and were checked by the number of allocated blocks"
        )
    if not report.is_frozen:
        yield (
            "the program froze objects itself (gc.freeze), so the heap was left as it is: whole "
            "collections were made instead, and tests checked by the number of allocated blocks"
        )
