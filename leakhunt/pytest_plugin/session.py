"""``pytest --leakhunt``: watch every test of a run."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Generator
from typing import Any

import pytest
from _pytest.outcomes import OutcomeException

from leakhunt.errors import LeakhuntError
from leakhunt.hunt.within.examine import Wishes
from leakhunt.hunt.within.newborn import Watch, collect_all, guard, thaw
from leakhunt.pytest_plugin.ledger import is_controller, ledger_of, watched_test
from leakhunt.pytest_plugin.repeat import Repeater
from leakhunt.pytest_plugin.survivors import Imports, Runner, name_of, survivors
from leakhunt.report.suite_model import Outcome
from leakhunt.testing.filters import Filter

_NAME = "leakhunt-watch"
CONFIRM_CYCLES = 20
_SUSPECT_BLOCKS = 80
"""Blocks that a clean test may leave: pytest keeps its request and fixtures for a while."""
_REMEMBERED = 500
"""Objects of one test that are looked for again at the end of the run."""
_ELSEWHERE = "tests that a plugin runs elsewhere (pytest-forked, for instance) are not watched"

_collect, _count_blocks = gc.collect, sys.getallocatedblocks


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
        self._begun = self._last = 0
        self._gaps: list[int] = []
        """Blocks that came between two phases of the test: what pytest's reports take."""
        self._passed = True
        self._is_watching = False
        self._left: dict[str, list[tuple[int, str]]] = {}

    # --- the run ----------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """From here on tests that call the collector thaw the heap first."""
        self._guard = guard()
        self._guard.__enter__()
        self._imports, self._runner = Imports(), Runner(self._config)
        collect_all()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Thaw; say what is still there of tests that ran once."""
        if self._guard is not None:
            self._guard.__exit__(None, None, None)
            self._guard = None
        collect_all()
        if self._left:
            from leakhunt.pytest_plugin.still_there import still_there

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
        self._is_watching = not _judges_itself(item)
        if not self._is_watching:
            return (yield)
        started = time.perf_counter_ns()
        self._passed = True
        self._gaps.clear()
        self._watch.begin()
        self._begun = self._last = _count_blocks()
        spent = time.perf_counter_ns() - started
        result = yield
        started = time.perf_counter_ns()
        self._is_watching = False
        self._look(item, nextitem, started - spent)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, Any]:
        """Blocks are counted by phase: pytest makes its reports in between."""
        return (yield from self._counted())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, Any, Any]:
        """As the setup."""
        return (yield from self._counted())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, Any]:
        """As the setup."""
        return (yield from self._counted())

    def _counted(self) -> Generator[None, Any, Any]:
        if not self._is_watching:
            return (yield)
        started = time.perf_counter_ns()
        _collect()
        self._gaps.append(_count_blocks() - self._last)
        self._ledger.watch_ns += time.perf_counter_ns() - started
        try:
            return (yield)
        finally:
            started = time.perf_counter_ns()
            _collect()
            self._last = _count_blocks()
            self._ledger.watch_ns += time.perf_counter_ns() - started

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What failed or was skipped is not judged: its traceback is kept."""
        self._passed &= report.passed

    # --- the look ---------------------------------------------------------------------------------

    def _look(self, item: pytest.Item, nextitem: pytest.Item | None, started: int) -> None:
        ledger, is_whole = self._ledger, self._watch.is_whole
        if not self._gaps:  # no phase of it ran in this process
            if _ELSEWHERE not in ledger.notes:
                ledger.notes.append(_ELSEWHERE)
            return
        _collect()
        blocks = self._own_blocks()
        kept = survivors(self._watch.newborn(), item, self._imports, self._runner)
        left = [(id(one), name_of(type(one))) for one in kept[:_REMEMBERED]]
        objects = len(kept)
        del kept
        if _is_of_another_module(item, nextitem):
            self._runner.refresh()
            thaw()
            _collect()
        ledger.watched += 1
        ledger.thawed += not is_whole
        ledger.watch_ns += time.perf_counter_ns() - started
        if not self._passed or not (objects or blocks > _SUSPECT_BLOCKS):
            return
        if ledger.is_confirming:
            self._confirm(item, nextitem, objects, blocks)
        else:
            if left:  # otherwise it is memory that no collector knows: there is no trace of it
                self._left[item.nodeid] = left
            values = {"objects": objects, "blocks": blocks, "is_thawed": not is_whole}
            ledger.note(watched_test(item, Outcome.LEFT, **values))

    def _own_blocks(self) -> int:
        """What is left of the test when it is over, fixtures gone, without pytest's reports.

        There are three reports; that of the teardown takes about as much as that of the setup.
        """
        _before, *reports = self._gaps
        return _count_blocks() - self._begun - sum(reports) - (reports[0] if reports else 0)

    def _confirm(
        self, item: pytest.Item, nextitem: pytest.Item | None, objects: int, blocks: int
    ) -> None:
        """Repeat a test that left something behind, and judge it by that."""
        started = time.perf_counter_ns()
        wishes = Wishes(
            CONFIRM_CYCLES,
            ends_when_quiet=True,
            wants_addresses=self._ledger.graph_dir is not None,
        )
        try:
            result = Repeater(item).examine(wishes, is_set_up=False)
        except (Exception, OutcomeException) as exc:  # noqa: BLE001 - whatever a test may raise
            note = f"it cannot be repeated: {type(exc).__name__}: {_first_line(exc)}"
            values = {"objects": objects, "blocks": blocks, "notes": (note,)}
            self._ledger.note(watched_test(item, Outcome.LEFT, **values))
            return
        finally:
            self._tear_down(item, nextitem)
            self._ledger.confirm_ns += time.perf_counter_ns() - started
        wanted = self._ledger.with_known(Filter())
        leaks = self._ledger.note_examined(item, result, wanted, objects=objects, blocks=blocks)
        if leaks and self._ledger.is_failing:
            from leakhunt.pytest_plugin.failure import log_failure

            log_failure(item, result, wanted, self._ledger.next_steps(item.nodeid, leaks, result))

    def _tear_down(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """End the fixtures of wider scope that the repetition made; the test itself is over."""
        try:
            item.session._setupstate.teardown_exact(nextitem)  # noqa: SLF001
        except (Exception, OutcomeException, BaseExceptionGroup) as exc:  # noqa: BLE001 - as above
            self._ledger.notes.append(
                f"the teardown after {item.nodeid} was repeated failed: "
                f"{type(exc).__name__}: {_first_line(exc)}"
            )


def _judges_itself(item: pytest.Item) -> bool:
    """Marked tests are repeated anyway; those with our fixture look at the heap themselves."""
    return item.get_closest_marker("leakhunt") is not None or "leakhunt" in getattr(
        item, "fixturenames", ()
    )


def _is_of_another_module(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    return nextitem is None or nextitem.nodeid.partition("::")[0] != item.nodeid.partition("::")[0]


def _first_line(exc: BaseException) -> str:
    try:
        return str(exc).partition("\n")[0][:200]
    except Exception:  # noqa: BLE001 - its text is somebody else's code
        return "(no text)"
