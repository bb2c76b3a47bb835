"""Tests with the marker ``leakhunt``: repeated, and judged by what each cycle leaves behind."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from leakhunt.errors import LeakhuntError, UsageError
from leakhunt.hunt.within.examine import Wishes, check_wishes
from leakhunt.pytest_plugin import MARKED
from leakhunt.pytest_plugin.failure import representation
from leakhunt.pytest_plugin.ledger import ledger_of
from leakhunt.pytest_plugin.repeat import Repeater, is_repeating
from leakhunt.testing.checks import fail_if_leaking
from leakhunt.testing.errors import LeakError
from leakhunt.testing.filters import Filter, Names, names_of

CYCLES = 20


def install(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Register the hooks and refuse markers that make no sense.  Raises pytest.UsageError."""
    if not config.pluginmanager.has_plugin(MARKED):
        config.pluginmanager.register(MarkedTests(config), MARKED)
    for item in items:
        marker = item.get_closest_marker("leakhunt")
        if marker is not None:
            try:
                wishes_of(marker)
            except LeakhuntError as exc:
                hint = f" ({exc.hint})" if exc.hint else ""
                raise pytest.UsageError(
                    f"{item.nodeid}: the leakhunt marker: {exc}{hint}"
                ) from None


def wishes_of(marker: pytest.Mark) -> tuple[Wishes, Filter]:
    """What a marker asks for.  Raises UsageError."""
    try:
        bound = _SIGNATURE.bind(*marker.args, **marker.kwargs)
    except TypeError as exc:
        raise UsageError(
            str(exc), hint="it takes cycles, warmup, max_growth, types and ignore"
        ) from None
    bound.apply_defaults()
    given = bound.arguments
    for name, kinds in (("cycles", int), ("warmup", int | None), ("max_growth", int | float)):
        if not isinstance(given[name], kinds) or isinstance(given[name], bool):
            raise UsageError(f"{name} is {given[name]!a}", hint="give a number")
    wishes = Wishes(given["cycles"], given["warmup"], given["max_growth"])
    check_wishes(wishes)
    wanted = Filter(
        given["max_growth"],
        names_of(given["types"], "types"),
        names_of(given["ignore"], "ignore"),
    )
    return wishes, wanted


def _marker(
    cycles: int = CYCLES,
    warmup: int | None = None,
    max_growth: float = 0.0,
    types: Names = (),
    ignore: Names = (),
) -> None:
    """What a marker may be given."""


_SIGNATURE = inspect.signature(_marker)


class MarkedTests:
    """The hooks."""

    def __init__(self, config: pytest.Config) -> None:
        self._ledger = ledger_of(config)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """The test runs once as ever; only when it passes is it repeated."""
        __tracebackhide__ = True
        result = yield
        marker = item.get_closest_marker("leakhunt")
        if marker is not None and not is_repeating(item):
            self._judge(item, marker)
        return result

    def _judge(self, item: pytest.Item, marker: pytest.Mark) -> None:
        __tracebackhide__ = True
        wishes, wanted = wishes_of(marker)
        wanted = self._ledger.with_known(wanted)
        wishes = replace(wishes, wants_addresses=self._ledger.graph_dir is not None)
        result = Repeater(item).examine(wishes, is_set_up=True)
        leaks = self._ledger.note_examined(item, result, wanted, objects=0, blocks=0)
        steps = self._ledger.next_steps(item.nodeid, leaks, result)
        fail_if_leaking(result, wanted, item.name, steps)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A leak is told in its own words: the frames are ours and pytest's."""
        report = yield
        if call.when == "call" and call.excinfo is not None and report.failed:
            error = call.excinfo.value
            if isinstance(error, LeakError) and item.get_closest_marker("leakhunt"):
                report.longrepr = representation(item, error)
        return report
