"""A confirmed leak of a watched suite, as a report of pytest: an error of the test's teardown."""

from __future__ import annotations

import pytest

from leakhunt.hunt.within.examine import Result
from leakhunt.testing.checks import fail_if_leaking
from leakhunt.testing.errors import LeakError
from leakhunt.testing.filters import Filter


def log_failure(
    item: pytest.Item, result: Result, wanted: Filter, next_steps: tuple[str, ...]
) -> None:
    """Log it: the test itself has passed, and its own report says so."""
    try:
        fail_if_leaking(result, wanted, item.name, next_steps)
    except LeakError as error:
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords=dict.fromkeys(item.keywords, 1),
            outcome="failed",
            longrepr=str(error),
            when="teardown",
            user_properties=[("leakhunt", one.title) for one in error.findings],
        )
        item.ihook.pytest_runtest_logreport(report=report)
