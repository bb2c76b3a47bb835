"""Dominators, sites, tasks and live as they are drawn, with what a real case would show."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.analysis.call_tree import WeighedStack, call_tree
from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.samples import SiteGrowth, Weight
from leakhunt.analysis.sites import Estimate
from leakhunt.hunt.activities import Activity, Kind
from leakhunt.hunt.sites import SiteTree
from leakhunt.hunt.source import SourceLines, Sources
from leakhunt.report.sites_model import SitesReport
from leakhunt.tui.app import LeakhuntApp
from leakhunt.tui.model.live import Moment
from leakhunt.tui.model.open import case_of
from leakhunt.tui.screens import live, sites, tasks
from tests.tui.driver import Driver, drive
from tests.tui.test_pictures import SIZES, THEMES, check

KIB = 1024
SHOP = "/srv/shop/shop"


def line(function: str, file: str, number: int) -> CodeLine:
    return CodeLine(function, f"{SHOP}/{file}", number)


SERVE, LOGIN, OPEN = (
    line("serve", "app.py", 31),
    line("login", "views.py", 24),
    line("Session.open", "session.py", 14),
)
EXPORT, LOADS = (
    line("Spool.export", "exports.py", 34),
    CodeLine("JSONDecoder.decode", "/usr/lib/python3.12/json/decoder.py", 337),
)
TEXT = (
    "    def open(self, user: str) -> Session:",
    "        session = Session(user)",
    "        self.sessions[session.token] = session",
    "        BUS.on('tick', session.on_tick)",
    "        return session",
)


def sampled() -> tuple[SitesReport, SiteTree]:
    sizes = {(OPEN, LOGIN, SERVE): 820, (LOADS, LOGIN, SERVE): 240, (EXPORT, SERVE): 610}
    rows = []
    for (place, *_), size in sizes.items():
        weights = {
            label: Weight(size // part, Estimate(*((size * KIB / part,) * 3)), Estimate(9, 9, 9))
            for label, part in (("baseline", 40), ("final", 1))
        }
        rows.append(SiteGrowth(place, None, weights))
    stacks = [
        WeighedStack(stack, size * KIB, size, size, {"baseline": size * 26, "final": size * KIB})
        for stack, size in sizes.items()
    ]
    labels = ("baseline", "final")
    return SitesReport(labels, 8192, tuple(rows)), SiteTree(
        labels, 8192, "growth", call_tree(stacks)
    )


def going_on() -> tuple[Activity, ...]:
    task, call = "_asyncio.Task", line("Warehouse.call", "rpc.py", 30)
    pump = line("MailBatch.run", "mail.py", 23)
    return (
        *(Activity(Kind.TASK, n, task, f"Task-{n}", "stuck", call, (SERVE, call), "")
          for n in range(1, 41)),
        Activity(Kind.TASK, 50, task, "tick", "waits", SERVE, (SERVE,), "a timer due later"),
        *(Activity(Kind.TIMER, n, "sched.Event", "", "scheduled", OPEN, (OPEN,), "")
          for n in range(51, 60)),
        Activity(Kind.THREAD, 60, "shop.mail.MailBatch", "mail", "running", pump, (pump,), ""),
        Activity(Kind.STREAM, 61, "_io.FileIO", "", "open", EXPORT, (EXPORT,), "descriptor 216"),
        Activity(Kind.STREAM, 62, "sqlite3.Connection", "", "unknown", None, (), ""),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def real_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    report, tree = sampled()

    def around(self: Sources, place: CodeLine, *, lines: int = 3) -> SourceLines:
        first = max((place.line or 1) - 3, 1)
        return SourceLines(Path(place.file), first, TEXT, place.line)

    monkeypatch.setattr(Sources, "around", around)
    monkeypatch.setattr(sites, "tabulate_sites", lambda paths: report)
    monkeypatch.setattr(sites, "site_tree", lambda paths, measure: tree)
    monkeypatch.setattr(tasks, "list_activities", lambda graph, tell: going_on())
    monkeypatch.setattr(live.LiveView, "_watch", lambda self, pid: None)


KEYS_BY_SCREEN: dict[str, tuple[str, ...]] = {
    "dominators": ("4", "enter", "enter"),
    "sites": ("5", "l"),
    "flame": ("5", "l", "l", "down", "down"),
    "tasks": ("6",),
}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("screen", KEYS_BY_SCREEN)
def test_picture(shop: Path, screen: str, width: str, theme: str) -> None:
    async def look(driver: Driver) -> None:
        driver.app.theme = f"leakhunt-{theme}"
        await driver.press(*KEYS_BY_SCREEN[screen])
        check(driver, f"{screen}-{width}-{theme}")

    drive(shop, look, SIZES[width])


def moment(second: int) -> Moment:
    """A process that leaks, its collector getting slower."""
    wave = math.sin(second / 3)
    values: dict[str, Any] = {
        "rss_bytes": int((48 + second * 0.2 + wave) * KIB * KIB),
        "threads": 4,
        "descriptors": 37 + second // 4,
        "cpu_percent": 40 + 12 * wave,
        "limit_bytes": 512 * KIB * KIB,
        "blocks": 180_000 + 1_500 * second,
        "gc_ms": 2 + second / 10 if second % 7 == 0 else 0.4,
        "gc_count": 1,
        "loop_ms": 1 + abs(wave) + (14 if second % 23 == 0 else 0),
    }
    return Moment(at_s=second, **values)


@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", SIZES)
def test_picture_of_live(width: str, theme: str, workers: int) -> None:
    app = LeakhuntApp(case_of(["4242"])[0])

    def family(second: int) -> dict[int, Moment]:
        rest = {
            4250 + number: replace(moment(second // (number + 2)), at_s=second)
            for number in range(workers)
        }
        return {4242: moment(second), **rest}

    async def run() -> None:
        async with app.run_test(size=SIZES[width]) as pilot:
            driver = Driver(app, pilot)
            app.theme = f"leakhunt-{theme}"
            view = app.screen
            assert isinstance(view, live.LiveView)
            for second in range(100):
                view.courses.add(family(second))
            view._show(family(100), "")
            await driver.settle()
            check(driver, f"{'family' if workers else 'live'}-{width}-{theme}")

    asyncio.run(run())
