"""The book of a run: what was found in which test, told at its end."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.pytest_plugin import plain_imports
from leakhunt.pytest_plugin.recorders import plugin_packages
from leakhunt.report.suite_model import SuiteReport, joined

if TYPE_CHECKING:  # what a run in which nothing leaks needs not
    from leakhunt.detectors.base import Finding
    from leakhunt.hunt.within.examine import Result
    from leakhunt.report.accepted import Accepted
    from leakhunt.report.watched_test import Left, Outcome, WatchedTest
    from leakhunt.testing.filters import Filter

_KEY = pytest.StashKey["Ledger"]()
_NAME = "leakhunt-ledger"
_WORKER = "leakhunt"
"""Key of what a worker of pytest-xdist hands to its controller."""


def ledger_of(config: pytest.Config) -> Ledger:
    """The one of the run.  Raises pytest.UsageError when the file of known leaks is none."""
    if _KEY not in config.stash:
        config.stash[_KEY] = ledger = Ledger(config)
        config.pluginmanager.register(ledger, _NAME)
    return config.stash[_KEY]


class Ledger:
    """What was found, and the hooks that tell it."""

    def __init__(self, config: pytest.Config) -> None:
        option = config.option
        self.config = config
        self.known = _read_baseline(config, option.leakhunt_baseline)
        self.report_path = _absolute(config, option.leakhunt_report)
        self.graph_dir = _absolute(config, option.leakhunt_graph)
        self.is_confirming, self.is_failing = option.leakhunt_confirm, option.leakhunt_fail
        self.watched = self.thawed = self.watch_ns = self.confirm_ns = 0
        self.is_frozen = True
        self.is_watching = bool(option.leakhunt)
        self.notes: list[str] = []
        self._tests: list[WatchedTest] = []
        self._of_workers: list[SuiteReport] = []

    # --- entries ----------------------------------------------------------------------------------

    def with_known(self, wanted: Filter) -> Filter:
        """The filter with the accepted leaks of the run, and its plugins."""
        return replace(wanted, known=self.known, plugins=plugin_packages(self.config))

    def note(self, test: WatchedTest) -> None:
        """Enter one test."""
        self._tests.append(test)

    def note_examined(
        self, item: pytest.Item, result: Result, wanted: Filter, *, objects: int, blocks: int
    ) -> tuple[Finding, ...]:
        """Enter a test that was repeated; its leaks."""
        from leakhunt.detectors.base import Category
        from leakhunt.report.watched_test import Outcome

        report = None if result.report is None else wanted.marked(result.report)
        leaks: tuple[Finding, ...] = ()
        known: tuple[Finding, ...] = ()
        suspects: tuple[Finding, ...] = ()
        notes: tuple[str, ...] = ()
        if report is not None:
            leaks = wanted.leaks(report)
            known = tuple(one for one in report.findings if one.known is not None)
            suspects = tuple(
                one
                for one in replace(wanted, strict=True).leaks(report)
                if one.category is not Category.CYCLE  # the collector took it
            )
            notes = tuple(dict.fromkeys(one.noise for one in report.findings if one.noise))
        outcome = Outcome.CLEARED
        for found, what in (
            (suspects, Outcome.SUSPECT), (known, Outcome.KNOWN), (leaks, Outcome.LEAK)
        ):  # fmt: skip
            outcome = what if found else outcome
        self.note(
            watched_test(
                item,
                outcome,
                objects=objects,
                blocks=blocks,
                cycles=result.cycles,
                is_thawed=not result.is_frozen,
                findings=leaks or known or suspects,
                notes=notes,
            )
        )
        for finding in leaks:
            item.user_properties.append(("leakhunt", finding.title))
        return leaks

    def replace(self, test: str, left: tuple[Left, ...] | None) -> None:
        """Say what is still there of a test that ran once; None forgets the test."""
        from leakhunt.report.watched_test import Outcome

        for i, one in enumerate(self._tests):
            if one.test == test and one.outcome is Outcome.LEFT:
                del self._tests[i]
                if left is not None:
                    self._tests.insert(i, one._replace(left=left))
                return

    @property
    def tests(self) -> Sequence[WatchedTest]:
        """So far, of this process."""
        return self._tests

    def report(self) -> SuiteReport:
        """Of this process and of all workers that ended."""
        own = SuiteReport(
            watched=self.watched,
            thawed=self.thawed,
            watch_ns=self.watch_ns,
            confirm_ns=self.confirm_ns,
            is_confirming=self.is_confirming,
            is_failing=self.is_failing,
            is_frozen=self.is_frozen,
            tests=tuple(self._tests),
            notes=tuple(self.notes),
        )
        return joined([own, *self._of_workers])

    # --- words ------------------------------------------------------------------------------------

    def next_steps(self, nodeid: str, leaks: Sequence[Finding], result: Result) -> tuple[str, ...]:
        """What to do next, below a failure; the leaks are drawn if that was asked for."""
        again = f"run it again: pytest {shlex.quote(nodeid)}"
        accept = "accept it: pytest --leakhunt-report R.json, leakhunt accept R.json --into FILE,"
        drawn: Sequence[str] = ()
        if leaks and self.graph_dir is not None:
            from leakhunt.pytest_plugin.graph import draw

            drawn = draw(self.graph_dir, nodeid, leaks, result)
        return *drawn, again, accept, "  then pytest --leakhunt-baseline FILE"

    # --- hooks ------------------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """A worker hands its part over; the others write the report."""
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            from leakhunt.report.suite_json import suite_to_json

            output[_WORKER] = suite_to_json(self.report(), indent=None)
        elif self.report_path is not None:
            self._write(self.report_path)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Of pytest-xdist: a worker ended."""
        text = getattr(node, "workeroutput", {}).get(_WORKER)
        if text is not None:
            from leakhunt.report.suite_json import suite_from_json

            self._of_workers.append(suite_from_json(text))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The last words."""
        with plain_imports():
            from leakhunt.pytest_plugin.summary import tell

        tell(self.report(), terminalreporter, self)

    def _write(self, path: Path) -> None:
        from leakhunt.report.suite_json import suite_to_json

        text = suite_to_json(self.report()) + "\n"
        try:
            with os.fdopen(os.open(path, _FLAGS, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as exc:
            self.notes.append(f"the report cannot be written to {path}: {exc.strerror or exc}")


_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


def watched_test(item: pytest.Item, outcome: Outcome, **values: Any) -> WatchedTest:
    """A test with the place where it is written."""
    from leakhunt.report.watched_test import WatchedTest

    file, line, _ = item.location
    return WatchedTest(item.nodeid, outcome, file, None if line is None else line + 1, **values)


def _absolute(config: pytest.Config, given: str | None) -> Path | None:
    """Relative to where pytest was started: a test may change the folder."""
    return None if given is None else config.invocation_params.dir / given


def _read_baseline(config: pytest.Config, given: str | None) -> dict[str, Accepted]:
    path = _absolute(config, given)
    if path is None:
        return {}
    from leakhunt.hunt.known import read_known

    try:
        return read_known(path)
    except LeakhuntError as exc:
        hint = f"\n{exc.hint}" if exc.hint else ""
        raise pytest.UsageError(f"--leakhunt-baseline: {exc}{hint}") from None


def is_worker(config: pytest.Config) -> bool:
    """Whether pytest-xdist started this process to run a part of the tests."""
    return hasattr(config, "workerinput")


def is_controller(config: pytest.Config) -> bool:
    """Whether pytest-xdist runs the tests elsewhere."""
    with contextlib.suppress(AttributeError, ValueError):
        return not is_worker(config) and config.option.dist != "no"
    return False
