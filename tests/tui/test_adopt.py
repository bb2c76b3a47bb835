"""A second hunt is shown: nothing of the first one stays behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.analysis.code_line import CodeLine
from leakhunt.hunt.activities import Activity, Kind
from leakhunt.hunt.assemble import write_report
from leakhunt.hunt.saved_report import read_report
from leakhunt.tui.run import spare_the_collector
from leakhunt.tui.screens import tasks
from leakhunt.tui.screens.dominators import DominatorsView
from leakhunt.tui.screens.sites import SitesView
from tests.tui.cases import shop_case
from tests.tui.driver import WIDE, Driver, drive


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A much smaller heap, without a leak."""
    folder = shop_case(tmp_path / "other", cycles=3)
    report = replace(read_report(folder), findings=())
    write_report(report, folder / "report.json")
    return folder


@pytest.fixture
def thawed() -> Iterator[None]:
    """What a test freezes, the next one may collect."""
    yield
    gc.unfreeze()


async def adopt(driver: Driver, folder: Path) -> None:
    driver.app.adopt(folder)
    await driver.settle()


def test_case_tells_no_finding_of_the_first(shop: Path, other: Path) -> None:
    async def look(driver: Driver) -> None:
        assert "shop.bus.BUS.listeners" in driver.text
        await adopt(driver, other)
        assert not driver.app.case.report.findings  # type: ignore[union-attr]
        assert "shop.bus.BUS.listeners" not in driver.text

    drive(shop, look, WIDE)


def test_dominators_begin_at_the_roots(shop: Path, other: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("4")
        await driver.press("enter", "enter", "enter")
        await driver.press("left_square_bracket")
        await adopt(driver, other)
        await driver.press("4")
        view = driver.app.screen
        assert isinstance(view, DominatorsView)
        assert view._way == [(None, "")]
        assert not view.go_forward()
        assert view._level is not None
        assert view._level.heap is driver.app.heap

    drive(shop, look, WIDE)


def test_sites_look_for_samples_again(
    shop: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("5")
        view = driver.app.screen
        assert isinstance(view, SitesView)
        looked: list[Path] = []
        monkeypatch.setattr(view, "_load", lambda: looked.append(driver.app.case.folder))
        assert view._why_not
        await adopt(driver, other)
        assert looked == [other]
        assert not view._why_not

    drive(shop, look, WIDE)


def test_tasks_leave_the_group_of_the_first(
    shop: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = CodeLine("serve", "/nowhere/app.py", 3)
    found = [
        Activity(Kind.TASK, node, "_asyncio.Task", f"job-{node}", "stuck", here, (here,), "")
        for node in (1, 2, 3)
    ]

    def listed(graph: Any, tell: Any) -> tuple[Activity, ...]:
        return tuple(found)

    monkeypatch.setattr(tasks, "list_activities", listed)

    async def look(driver: Driver) -> None:
        await driver.press("6", "enter")
        assert "3 alike ones: Esc for all" in driver.text
        found.clear()
        await adopt(driver, other)
        await driver.press("6", "enter")
        assert "no task, timer, thread or stream" in driver.text
        assert "job-1" not in driver.text

    drive(shop, look, WIDE)


@pytest.mark.usefixtures("thawed")
def test_the_heap_of_the_first_goes(shop: Path, other: Path) -> None:
    rests: list[bool] = []

    def rest(has_given_up: bool) -> None:
        rests.append(has_given_up)
        spare_the_collector(has_given_up)

    async def look(driver: Driver) -> None:
        await driver.press("2", "home", "enter")
        await driver.press("3", "4", "5", "6", "1")
        while len(rests) < 2:  # not all views are made
            await driver.pilot.pause(0.05)
        assert driver.app.heap is not None
        gc.freeze()  # what was shown meanwhile, too
        graph = weakref.ref(driver.app.heap.graph)
        await adopt(driver, other)
        while len(rests) < 3:
            await driver.pilot.pause(0.05)
        await driver.press("2", "3", "4", "5", "6", "1")
        assert rests == [False, False, True]
        assert graph() is None

    drive(shop, look, WIDE, at_rest=rest)
