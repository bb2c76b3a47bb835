"""``pytest --leakhunt``: watch every test of a run.

One look after each test: a collection of what was made since the last one, a count of the
allocated blocks, and who keeps what is left.  Loaded for each run that watches, so it imports
nothing that only a leak needs.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Generator
from typing import Any

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.hunt.within.kinds import is_exactly, name_of
from leakhunt.hunt.within.newborn import Watch, collect_all, guard, is_traced, thaw
from leakhunt.pytest_plugin import MARKED, plain_imports
from leakhunt.pytest_plugin.known_caches import known_caches
from leakhunt.pytest_plugin.ledger import is_controller, ledger_of, watched_test
from leakhunt.pytest_plugin.only_kept import own_blocks
from leakhunt.pytest_plugin.recorders import plugin_packages
from leakhunt.pytest_plugin.survivors import Imports, Runner, blocks_of, survivors

_NAME = "leakhunt-watch"
_REPORT_BLOCKS = 35
"""What pytest keeps of a test that passed, its three reports: 27 to 35 in the suites that the
tests watch, fewer in a worker of pytest-xdist."""
_PHASES = 3
_PROPERTY_BLOCKS = 3
"""Besides, for each property that a test records: a pair and what is in it."""
_SUBTEST_BLOCKS = 45
"""Besides, for each subtest, which has a report of its own: 30, and some for its arguments."""
_WARNING_BLOCKS = 16
"""Besides, for each warning."""
_RECORDED_SHARE = 1.5
"""Of the blocks that plugins keep, as far as they can be told: there may be some more."""
_SUSPECT_BLOCKS = 80
"""Blocks that a clean test may leave besides: pytest keeps its request and fixtures for a while."""
_REMEMBERED = 500
"""Objects of one test that are looked for again at the end of the run."""
_COLLECT_SHARE = 0.01
"""Of the run's time that collections of the whole heap may take."""
_COLLECT_NS_PER_BLOCK = 100
"""Expected of a collection; 50 on a quiet machine."""
_COUNT_SHARE = 0.01
"""Of the run's time that counting blocks may take, with the collection before it: tests that are
shorter than that allows are counted together."""
_COUNTED_TOGETHER = 3
"""Tests at most."""
_FIRST_BLOCKS = 100
"""What the interpreter, pytest and its plugins set up while the first test runs, at most."""
_TRACED = (
    "less than 20,000 blocks of memory that no collector tracks were not judged: while coverage, a "
    "profiler or a debugger is on, the interpreter keeps some for each function; "
    "--leakhunt-confirm judges them"
)
_TRACED_BLOCKS = 20_000
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
        self._failed = False
        self._reports = 0
        self._has_marked = False
        """Whether there are tests that are repeated anyway."""
        self._left: dict[str, list[tuple[int, str]]] = {}
        self._collected_ns = 0
        """When the whole heap was collected last."""
        self._counted_ns = self._count_ns = 0
        """When blocks were counted last, and how long that took."""
        self._uncounted: list[pytest.Item] = []
        """Tests since then that passed."""
        self._skipped: list[pytest.Item] = []
        """And those that did not run to their end."""
        self._of_protocol: dict[str, type] = {}
        """Empty containers that the test had as attributes when it began."""
        self._expected_blocks = 0
        """What pytest keeps of them."""
        self._recorded_blocks = 0
        """Blocks that plugins kept of the last tests, about."""
        self._perhaps_garbage = 0
        """Blocks that came with tests which thawed the heap, since the whole of it was collected:
        the next that calls the collector frees some, which would hide as many that it leaves."""

    # --- the run ----------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """From here on tests that call the collector thaw the heap first."""
        self._guard = guard()
        self._guard.__enter__()
        self._imports, self._runner = Imports(), Runner(self._config)
        self._has_marked = self._config.pluginmanager.has_plugin(MARKED)
        known_caches()  # what it keeps for itself is not of the first test
        self._collected_ns = time.perf_counter_ns()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Thaw; say what is still there of tests that ran once."""
        if self._guard is not None:
            self._guard.__exit__(None, None, None)
            self._guard = None
        if self._left:
            thaw()
            try:
                with plain_imports():
                    from leakhunt.pytest_plugin.still_there import still_there

                    found = still_there(self._left, plugin_packages(self._config))
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
        if self._judges_itself(item):
            self._begins_anew = True
            return (yield)
        started = time.perf_counter_ns()
        if self._begins_anew:
            self._imports.new()
            self._watch.begin()
            self._expected_blocks = 0 if self._ledger.watched else _FIRST_BLOCKS
            self._uncounted.clear()
            self._skipped.clear()
        else:
            self._watch.go_on()
        self._begins_anew, self._ran, self._reports = False, False, 0
        self._passed, self._failed = True, False
        begun = time.perf_counter_ns()
        result = yield
        ended = time.perf_counter_ns()
        ends_module = _ends_module(item, nextitem)
        look = self._look(item, is_last=ends_module or self._judges_itself(nextitem))
        if ends_module:
            self._end_module()
        self._ledger.watch_ns += begun - started + time.perf_counter_ns() - ended
        if look is not None and self._is_suspect(look):
            self._begins_anew = True
            self._suspect(look, nextitem, run_s=(ended - begun) / 1e9)
        return result

    def _is_suspect(self, look: _Look) -> bool:
        """What was skipped is not, but those that passed and were counted together with it."""
        if self._passed and look.objects:
            return True
        is_judged = self._passed or (look.items and not (self._failed or look.objects))
        if not is_judged or look.blocks <= _SUSPECT_BLOCKS:
            return False
        if self._ledger.is_confirming or look.blocks > _TRACED_BLOCKS or not is_traced():
            return True
        if _TRACED not in self._ledger.notes:
            self._ledger.notes.append(_TRACED)
        return False

    def _suspect(self, look: _Look, nextitem: pytest.Item | None, *, run_s: float) -> None:
        """Enter a test that left something; repeat it if that is wished."""
        item = look.items[0]
        of_first_run = {"objects": look.objects, "blocks": look.blocks}
        if self._ledger.is_confirming:
            from leakhunt.pytest_plugin.confirm import confirm

            confirm(
                self._ledger, item, nextitem, **of_first_run, run_s=run_s, lost=self._lost(item)
            )
            return
        from leakhunt.report.watched_test import Outcome

        if look.left:  # otherwise it is memory that no collector knows: there is no trace of it
            self._left[item.nodeid] = look.left
        notes = tuple(f"it, or {other.nodeid}" for other in look.items[1:])
        values = {**of_first_run, "is_thawed": not look.is_whole, "notes": notes}
        self._ledger.note(watched_test(item, Outcome.LEFT, **values))

    def _lost(self, item: pytest.Item) -> dict[str, type]:
        """What plugins give a test for as long as it runs (pytest-json-report)."""
        left = vars(item)
        return {name: kind for name, kind in self._of_protocol.items() if name not in left}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Some plugins run tests in another process."""
        self._ran = True
        if self._ledger.is_confirming:
            self._of_protocol = {
                name: type(one)
                for name, one in vars(item).items()
                if is_exactly(one, dict, list) and not one
            }

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What failed is not judged, as its traceback is kept; nor is what was skipped."""
        self._passed &= report.passed
        is_skip = report.skipped and not hasattr(report, "wasxfail")
        self._failed |= not (report.passed or is_skip)
        self._reports += 1

    def _judges_itself(self, item: pytest.Item | None) -> bool:
        """Marked tests are repeated anyway; those with our fixture look at the heap themselves."""
        if item is None:
            return False
        is_marked = self._has_marked and item.get_closest_marker("leakhunt") is not None
        return is_marked or "leakhunt" in getattr(item, "fixturenames", ())

    # --- the look ---------------------------------------------------------------------------------

    def _look(self, item: pytest.Item, *, is_last: bool) -> _Look | None:
        """What a test left; None: nothing, or it did not run.  ``is_last``: none that may be
        counted with it comes after it."""
        ledger, is_whole = self._ledger, self._watch.is_whole
        if not self._ran:
            if _ELSEWHERE not in ledger.notes:
                ledger.notes.append(_ELSEWHERE)
            return None
        self._expect(item)
        blocks = None
        if is_last or not is_whole or self._is_counting():
            blocks = self._count()
        else:
            self._watch.collect_briefly()
        newborn, imported = self._watch.newborn(), self._imports.new()
        kept, cached, recorded = survivors(newborn, item, imported, self._runner)
        recorded_blocks = self._recorded_blocks
        if is_whole:  # otherwise probably as much as of the last test
            recorded_blocks = int(_RECORDED_SHARE * own_blocks(recorded))
            self._recorded_blocks = max(recorded_blocks, self._recorded_blocks // 2)
        self._expected_blocks += recorded_blocks
        del newborn, recorded
        ledger.watched += 1
        ledger.thawed += not is_whole
        if blocks is None:
            if not (kept or cached or imported or self._failed):
                return None
            blocks = self._count()
            # Whole collections alone leave off tracking a dict that was emptied.
            kept = [one for one in kept if gc.is_tracked(one)]
        else:
            blocks -= recorded_blocks
        blocks = self._without_garbage(blocks, cached, has_imported=bool(imported))
        items = [*self._uncounted, *self._skipped] if self._uncounted else []
        items = [item] if kept else items
        self._uncounted.clear()
        self._skipped.clear()
        self._expected_blocks = 0
        left = [(id(one), name_of(type(one))) for one in kept[:_REMEMBERED]]
        return _Look(items, len(kept), blocks, left, is_whole)

    def _without_garbage(self, blocks: int, cached: list[Any], *, has_imported: bool) -> int:
        """Of blocks that came, those that were left: counted again where they are many."""
        is_whole = self._watch.is_whole
        if not is_whole:
            self._perhaps_garbage += max(0, blocks)
        is_suspect = blocks > _SUSPECT_BLOCKS and not (self._failed or has_imported)
        if is_suspect or self._perhaps_garbage > _SUSPECT_BLOCKS:
            blocks = self._watch.blocks() - self._expected_blocks - blocks_of(cached)
            if not is_whole:
                self._perhaps_garbage = 0
        # Much of the code and names of a module is nothing that the collector knows.
        return 0 if has_imported else blocks

    def _expect(self, item: pytest.Item) -> None:
        """What pytest keeps of a test that ran will be counted with what it left."""
        (self._uncounted if self._passed else self._skipped).append(item)
        self._expected_blocks += _REPORT_BLOCKS + _PROPERTY_BLOCKS * len(item.user_properties)
        self._expected_blocks += _SUBTEST_BLOCKS * max(0, self._reports - _PHASES)
        self._expected_blocks += _WARNING_BLOCKS * self._runner.recorders.warned()

    def _is_counting(self) -> bool:
        """Whether it is time to count blocks again."""
        together = len(self._uncounted) + len(self._skipped)
        if self._ledger.is_confirming or together == _COUNTED_TOGETHER:
            return True
        return self._count_ns <= _COUNT_SHARE * (time.perf_counter_ns() - self._counted_ns)

    def _count(self) -> int:
        """Collect; blocks that came since they were counted last, but for what is expected."""
        started = time.perf_counter_ns()
        self._watch.collect()
        # Right after the collection: what we do besides fills free lists again.
        blocks = self._watch.blocks_now()
        self._counted_ns = time.perf_counter_ns()
        self._count_ns = self._counted_ns - started
        return blocks - self._expected_blocks

    def _end_module(self) -> None:
        """Fixtures of the module are gone.  Let the collector have the whole heap where that
        costs next to nothing; otherwise later."""
        self._runner.forget()
        now = time.perf_counter_ns()
        expected = _COLLECT_NS_PER_BLOCK * self._watch.total_blocks
        if expected <= _COLLECT_SHARE * (now - self._collected_ns):
            collect_all(most=1)
            self._perhaps_garbage = 0
            self._begins_anew = True
            self._collected_ns = now


class _Look:
    """What one test left, or several that were counted together."""

    __slots__ = ("blocks", "is_whole", "items", "left", "objects")

    def __init__(
        self,
        items: list[pytest.Item],
        objects: int,
        blocks: int,
        left: list[tuple[int, str]],
        is_whole: bool,
    ) -> None:
        self.items, self.objects, self.blocks = items, objects, blocks
        self.left = left
        """Address and type of the first objects."""
        self.is_whole = is_whole
        """Whether objects could be told."""


def _ends_module(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    if nextitem is None:
        return True
    is_sibling = nextitem.parent is item.parent
    return not is_sibling and _file_of(nextitem) != _file_of(item)


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
