"""``pytest --leakhunt``: watch every test of a run.

One look after each test: a collection of what was made since the last one, a count of the
allocated blocks, and who keeps what is left.  Loaded for each run that watches, so it imports
nothing that only a leak needs.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.hunt.within.newborn import Watch, collect_all, guard
from leakhunt.pytest_plugin.kinds import name_of
from leakhunt.pytest_plugin.ledger import is_controller, ledger_of, watched_test
from leakhunt.pytest_plugin.survivors import Imports, Runner, survivors
from leakhunt.report.suite_model import Outcome

_NAME = "leakhunt-watch"
_REPORT_BLOCKS = 35
"""What pytest keeps of a test that passed, its three reports: 27 to 35 in the suites that the
tests watch, fewer in a worker of pytest-xdist."""
_PHASES = 3
_PROPERTY_BLOCKS = 3
"""Besides, for each property that a test records: a pair and what is in it."""
_SUBTEST_BLOCKS = 45
"""Besides, for each subtest, which has a report of its own: 30, and some for its arguments."""
_SUSPECT_BLOCKS = 80
"""Blocks that a clean test may leave besides: pytest keeps its request and fixtures for a while."""
_REMEMBERED = 500
"""Objects of one test that are looked for again at the end of the run."""
_COLLECT_SHARE = 0.01
"""Of the run's time that collections of the whole heap may take."""
_COLLECT_NS_PER_BLOCK = 100
"""Expected of a collection; 50 on a quiet machine."""
_ELSEWHERE = "tests that a plugin runs elsewhere (pytest-forked, for instance) are not watched"


def install(config: pytest.Config) -> None:
    """What the options ask for.  Raises pytest.UsageError."""
    ledger = ledger_of(config)
    if ledger.is_watching and not is_controller(config):
        config.pluginmanager.register(SuiteWatch(config), _NAME)


class SuiteWatch:
    """The hooks around each test."""

    def __init__(self, config: pytest.Config) -> None:
        self._ledger = ledger_of(config)
        self._watch = Watch()
        self._ledger.is_frozen = self._watch.is_frozen
        self._config = config
        self._imports: Any = None
        self._runner: Any = None
        self._guard: Any = None
        self._begins_anew = True
        """Something else than a watched test ran last."""
        self._ran = False
        self._passed = True
        self._reports = 0
        self._left: dict[str, list[tuple[int, str]]] = {}
        self._collected_ns = 0
        """When the whole heap was collected last."""

    # --- the run ----------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """From here on tests that call the collector thaw the heap first."""
        self._guard = guard()
        self._guard.__enter__()
        self._imports, self._runner = Imports(), Runner(self._config)
        self._collected_ns = time.perf_counter_ns()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Thaw; say what is still there of tests that ran once."""
        if self._guard is not None:
            self._guard.__exit__(None, None, None)
            self._guard = None
        if self._left:
            from leakhunt.pytest_plugin.still_there import still_there

            collect_all(most=1)
            try:
                found = still_there(self._left)
            except LeakhuntError as exc:
                self._ledger.notes.append(f"what is still there was not looked at: {exc}")
                return
            for test in self._left:
                self._ledger.replace(test, found.get(test))

    # --- a test -----------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, Any, Any]:
        """Put the heap aside, let the test run, look at what came."""
        if _judges_itself(item):
            self._begins_anew = True
            return (yield)
        started = time.perf_counter_ns()
        if self._begins_anew:
            self._imports.new()
            self._watch.begin()
        else:
            self._watch.go_on()
        self._begins_anew, self._ran, self._passed, self._reports = False, False, True, 0
        begun = time.perf_counter_ns()
        result = yield
        ended = time.perf_counter_ns()
        objects, blocks, left, is_whole = self._look(item)
        if _is_of_another_module(item, nextitem):
            self._end_module()
        self._ledger.watch_ns += begun - started + time.perf_counter_ns() - ended
        if self._ran and self._passed and (objects or blocks > _SUSPECT_BLOCKS):
            self._begins_anew = True
            of_first_run = {"objects": objects, "blocks": blocks}
            if self._ledger.is_confirming:
                from leakhunt.pytest_plugin.confirm import confirm

                run_s = (ended - begun) / 1e9
                confirm(self._ledger, item, nextitem, **of_first_run, run_s=run_s)
            else:
                if left:  # otherwise it is memory that no collector knows: there is no trace of it
                    self._left[item.nodeid] = left
                values = {**of_first_run, "is_thawed": not is_whole}
                self._ledger.note(watched_test(item, Outcome.LEFT, **values))
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Some plugins run tests in another process."""
        self._ran = True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What failed or was skipped is not judged: its traceback is kept."""
        self._passed &= report.passed
        self._reports += 1

    # --- the look ---------------------------------------------------------------------------------

    def _look(self, item: pytest.Item) -> tuple[int, int, list[tuple[int, str]], bool]:
        """How many objects and blocks a test left, where the objects are, and whether objects
        could be told."""
        ledger, is_whole = self._ledger, self._watch.is_whole
        if not self._ran:
            if _ELSEWHERE not in ledger.notes:
                ledger.notes.append(_ELSEWHERE)
            return 0, 0, [], is_whole
        of_report = _REPORT_BLOCKS + _PROPERTY_BLOCKS * len(item.user_properties)
        of_report += _SUBTEST_BLOCKS * max(0, self._reports - _PHASES)
        blocks = self._watch.blocks() - of_report
        newborn, imported = self._watch.newborn(), self._imports.new()
        kept = survivors(newborn, item, imported, self._runner)
        del newborn
        if imported:  # much of their code and names is nothing that the collector knows
            blocks = 0
        ledger.watched += 1
        ledger.thawed += not is_whole
        left = [(id(one), name_of(type(one))) for one in kept[:_REMEMBERED]]
        return len(kept), blocks, left, is_whole

    def _end_module(self) -> None:
        """Fixtures of the module are gone.  Let the collector have the whole heap where that
        costs next to nothing; otherwise later."""
        self._runner.refresh()
        now = time.perf_counter_ns()
        expected = _COLLECT_NS_PER_BLOCK * self._watch.total_blocks
        if expected <= _COLLECT_SHARE * (now - self._collected_ns):
            collect_all(most=1)
            self._begins_anew = True
            self._collected_ns = now


def _judges_itself(item: pytest.Item) -> bool:
    """Marked tests are repeated anyway; those with our fixture look at the heap themselves."""
    return item.get_closest_marker("leakhunt") is not None or "leakhunt" in getattr(
        item, "fixturenames", ()
    )


def _is_of_another_module(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    return nextitem is None or nextitem.nodeid.partition("::")[0] != item.nodeid.partition("::")[0]
