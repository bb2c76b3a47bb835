"""Run one test over and over, its function-scoped fixtures rebuilt each time."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType, MethodType, SimpleNamespace
from typing import Any

import pytest
from _pytest import tmpdir
from _pytest.warnings import catch_warnings_for_item

from leakhunt.hunt.within.examine import (
    Result,
    Step,
    TooLongError,
    Wishes,
    advance,
    examine,
)

_TMP_PATH_KEY: Any = getattr(tmpdir, "tmppath_result_key", None)
"""What a report notes for the teardown of ``tmp_path``; a repeated phase has no report."""

_NOTHING: Mapping[str, type] = MappingProxyType({})
_REPEATING = pytest.StashKey[bool]()


def is_repeating(item: pytest.Item) -> bool:
    """Whether the phase that runs is one of a repeated cycle."""
    return item.stash.get(_REPEATING, False)


class _Sibling:
    """Stands for a next test in the same class and module: what has a wider scope stays."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def listchain(self) -> list[Any]:
        return [*self._item.listchain()[:-1], self]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._item, name)


class _Unreported:
    """In place of the hook that takes reports: the first run of the test was told already.

    Each subtest makes a report of its own, which the run would count, print and keep.
    """

    def __init__(self, hook: Any) -> None:
        self._hook = hook
        self.failed: Any = None
        """The report of the first part that failed."""

    def __call__(self, *, report: Any) -> list[Any]:
        if report.failed and self.failed is None:
            self.failed = report
        return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hook, name)  # plugins may come and go meanwhile


class _Untold:
    """In place of the hook that takes warnings: those of the first run were told."""

    def call_historic(self, kwargs: Any) -> None:
        """Keep nothing."""


_UNTOLD = SimpleNamespace(pytest_warning_recorded=_Untold())


class Repeater:
    """The phases of one test, as cycles."""

    def __init__(self, item: pytest.Item, lost: Mapping[str, type] = _NOTHING) -> None:
        self._item: Any = item
        self._lost = lost
        """Containers that plugins gave the test for its first run, by the name of the attribute:
        it has them, empty, in each cycle."""
        self._sibling: Any = _Sibling(item)
        self._sections = len(item._report_sections)  # noqa: SLF001 - no other way to trim them
        self._properties = len(item.user_properties)
        self._finalizers: list[tuple[list[Any], int]] = []
        """Of active fixtures of wider scope, and how many each had before the last setup."""
        self._asked_for: dict[int, Any] = {}
        """Fixtures that a phase asked for by name while it ran (``request.getfixturevalue``)."""

    def examine(self, wishes: Wishes, *, is_set_up: bool) -> Result:
        """Examine the test; afterwards it is set up or not, as it was before.

        A cycle is setup, call and teardown, so that between two of them nothing of the test is
        there on purpose.  An exception of a repeated phase is passed on.  Raises TooLongError when
        the time that is wished for has passed.
        """
        if not is_set_up:
            return self._examine(wishes)
        self._item.stash[_REPEATING] = True
        try:
            self._tear_down()
            return self._examine(wishes)
        finally:
            self._set_up()
            getattr(self._item, "instance", None)  # that of a unittest is made by the call
            self._item.stash[_REPEATING] = False

    def _examine(self, wishes: Wishes) -> Result:
        examination, cycles = examine(wishes), 0
        deadline = time.monotonic() + wishes.limit_s
        self._item.stash[_REPEATING] = True
        try:
            step = advance(examination)
            while isinstance(step, Step):
                for _ in range(step.cycles):
                    if time.monotonic() > deadline:
                        raise TooLongError(
                            f"{cycles} repetitions took more than {wishes.limit_s:.0f} s"
                        )
                    self._quietly()
                    cycles += 1
                if step.wait_s:
                    time.sleep(step.wait_s)
                step = advance(examination)
        finally:
            examination.close()
            self._item.stash[_REPEATING] = False
        return step

    def _whole_cycle(self) -> None:
        own = vars(self._item)
        own.update({name: kind() for name, kind in self._lost.items()})
        try:
            self._phases()
        finally:
            for name in self._lost:
                own.pop(name, None)

    def _phases(self) -> None:
        self._set_up()
        try:
            self._item.ihook.pytest_runtest_call(item=self._item)
        finally:
            self._tear_down()

    def _renew_instance(self) -> None:
        """Each cycle has an instance of the test's class of its own, as each test has; pytest makes
        one when it is asked for.  unittest's tests let go of theirs themselves."""
        own = vars(self._item)
        instance, method = own.get("_instance"), own.get("_obj")
        is_usual = type(method) is MethodType and method.__self__ is instance
        if is_usual and isinstance(self._item.parent, pytest.Class):
            del own["_instance"], own["_obj"]

    def _set_up(self) -> None:
        self._renew_instance()
        if hasattr(self._item, "_initrequest"):
            self._item._initrequest()  # noqa: SLF001 - as every plugin that runs a test again
        self._finalizers = [(one, len(one)) for one in self._finalizers_of_wider_scope()]
        self._item.ihook.pytest_runtest_setup(item=self._item)

    def _tear_down(self) -> None:
        if _TMP_PATH_KEY is not None:
            self._item.stash.setdefault(_TMP_PATH_KEY, {})
        self._item.ihook.pytest_runtest_teardown(item=self._item, nextitem=self._sibling)
        if hasattr(self._item, "_initrequest"):
            asked_for = getattr(self._item._request, "_fixture_defs", {})  # noqa: SLF001 - as below
            self._asked_for = {id(one): one for one in asked_for.values()}
            self._item._request = False  # noqa: SLF001 - as pytest does after each test
            self._item.funcargs = None
        # pytest keeps these until the fixtures of wider scope end; their work is done.
        for finalizers, count in self._finalizers:
            del finalizers[count:]
        del self._item._report_sections[self._sections :]  # noqa: SLF001 - as above
        del self._item.user_properties[self._properties :]

    def _finalizers_of_wider_scope(self) -> list[list[Any]]:
        info = getattr(self._item, "_fixtureinfo", None)
        known = () if info is None else info.name2fixturedefs.values()
        fixtures = self._asked_for | {id(one): one for several in known for one in several}
        return [
            one._finalizers  # noqa: SLF001 - there is no other way to them
            for one in fixtures.values()
            if one.scope != "function" and one.cached_result is not None
        ]

    def _quietly(self) -> None:
        """Warnings and subtests were told by the first run; those of a cycle go with it."""
        hooks = self._item.config.hook
        reported = hooks.pytest_runtest_logreport
        hooks.pytest_runtest_logreport = unreported = _Unreported(reported)
        try:
            with self._filters():
                self._whole_cycle()
        finally:
            hooks.pytest_runtest_logreport = reported
        if unreported.failed is not None:
            what = getattr(unreported.failed, "head_line", "a subtest")
            pytest.fail(f"a subtest failed: {what}", pytrace=False)

    def _filters(self) -> AbstractContextManager[Any]:
        """Warnings are caught and filtered as in the first run: by the configuration and the marks
        of the test, which pytest has in force for the protocol of a test only."""
        config = self._item.config
        if not config.pluginmanager.hasplugin("warnings"):
            return warnings.catch_warnings(record=True)
        return catch_warnings_for_item(config, _UNTOLD, when="runtest", item=self._item)
