"""A leak as a report of pytest: its own words in full, and one line for the summary."""

from __future__ import annotations

import pytest
from _pytest._code.code import ReprExceptionInfo, ReprFileLocation, ReprTracebackNative

from leakhunt.hunt.within.examine import Result
from leakhunt.testing.checks import fail_if_leaking
from leakhunt.testing.errors import LeakError
from leakhunt.testing.filters import Filter


def log_failure(
    item: pytest.Item, result: Result, wanted: Filter, next_steps: tuple[str, ...]
) -> None:
    """Log a confirmed leak of a watched suite as an error of the test's teardown: the test itself
    has passed, and its own report says so."""
    try:
        fail_if_leaking(result, wanted, item.name, next_steps)
    except LeakError as error:
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords=dict.fromkeys(item.keywords, 1),
            outcome="failed",
            longrepr=representation(item, error),
            when="teardown",
            user_properties=[("leakhunt", one.title) for one in error.findings],
        )
        item.ihook.pytest_runtest_logreport(report=report)


def representation(item: pytest.Item, error: LeakError) -> ReprExceptionInfo:
    """The text of the error at the line of the test: all frames are ours and pytest's.

    A plain text would do, but where pytest does not cut its summary (``CI`` is set) it would be
    printed a second time there.
    """
    text = str(error)
    _, line, _ = item.location
    place = ReprFileLocation(str(item.path), (line or 0) + 1, text.partition("\n")[0])
    return ReprExceptionInfo(ReprTracebackNative([f"{text}\n"]), place)
