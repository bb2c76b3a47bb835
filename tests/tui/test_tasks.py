"""Tasks, timers, threads and streams on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.analysis.code_line import CodeLine
from leakhunt.hunt.activities import Activity, Kind
from leakhunt.tui.model.activities import ActivityTable
from leakhunt.tui.screens import tasks
from tests.nasty_names import NASTY_NAMES
from tests.tui.driver import WIDE, Driver, drive

HERE = CodeLine("test_alike_ones_are_one_row", __file__, 30)
TASK = "_asyncio.Task"


def activities() -> tuple[Activity, ...]:
    other = CodeLine("Pump.run", "/nowhere/pump.py", 7)
    outer = CodeLine("main", "/nowhere/app.py", 3)
    stuck = [
        Activity(Kind.TASK, node, TASK, f"job-{node}", "stuck", HERE, (outer, HERE), "")
        for node in (1, 2, 3)
    ]
    return (
        *stuck,
        Activity(Kind.TASK, 4, TASK, "", "waits", other, (other,), "`shop.bus.LOCK.release()`"),
        Activity(Kind.TIMER, 5, "sched.Event", "", "scheduled", other, (other,), ""),
        Activity(Kind.THREAD, 6, "shop.Pump", "pump-1", "running", other, (outer, other), ""),
        Activity(Kind.STREAM, 7, "_io.FileIO", "", "open", None, (), "descriptor 9"),
        Activity(Kind.STREAM, 8, "_io.FileIO", "", "open", HERE, (HERE,), "descriptor 10"),
        *(
            Activity(Kind.THREAD, 9, name, name, "ended", CodeLine(name, name, 1), (), name)
            for name in NASTY_NAMES[:40]
        ),
    )


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "list_activities", lambda graph, tell: activities())


def test_alike_ones_are_one_row() -> None:
    table = ActivityTable(activities=activities()[:8])
    table.arrange()
    assert [len(group) for group in table.shown] == [3, 1, 1, 1, 2]
    assert table.shown[-1].first.place == HERE  # of two streams, one is known to be made there
    assert (table.stuck_count, table.counts()[Kind.STREAM]) == (3, 2)
    table.is_grouped = False
    table.arrange()
    assert len(table) == 8
    table.text = "PUMP-1"
    table.arrange()
    assert [group.first.name for group in table.shown] == ["pump-1"]


def test_stuck_ones_come_first_with_their_source(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("6")
        assert "4 tasks, 1 timer" in driver.text
        assert "3 tasks stuck" in driver.text
        assert "nothing that can still run would wake it" in driver.text
        assert "▶ 30" in driver.text
        assert "in test_alike_ones_are_one_row (" in driver.text
        assert "by main (/nowhere/app.py:3)" in driver.text
        await driver.press("down")
        assert "woken by `shop.bus.LOCK.release()`" in driver.text
        assert "It cannot be read" in driver.text

    drive(shop, look, WIDE)


def test_a_group_opens_and_closes(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("6", "enter")
        assert "3 alike ones: Esc for all" in driver.text
        assert "job-2" in driver.text
        await driver.press("escape")
        assert "4 tasks" in driver.text
        await driver.press("g")
        assert "job-3" in driver.text
        await driver.press("f")
        await driver.write("descriptor")
        await driver.press("enter")
        assert "job-3" not in driver.text
        assert "descriptor 9" in driver.text

    drive(shop, look, WIDE)


def test_names_appear_literally(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("6", "end")
        seen = ""
        for _ in range(4):
            assert all(s.text.isprintable() for line in driver.segments() for s in line)
            seen += driver.text
            await driver.press("pageup")
        assert "[/not-open]" in seen

    drive(shop, look, WIDE)
