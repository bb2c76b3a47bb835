"""Watch a process on the Live screen, in a test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from leakhunt.tui.app import LeakhuntApp
from leakhunt.tui.leaving import wait_while
from leakhunt.tui.model.hunter import Hunter
from leakhunt.tui.model.open import case_of
from leakhunt.tui.screens.live import LiveView
from tests.tui.driver import WIDE, Driver


def watch(
    pid: int, script: Callable[[Driver, LiveView], Awaitable[None]], size: tuple[int, int] = WIDE
) -> None:
    """Open a process; no worker is waited for, since one always runs.  Returns once the process
    was let go of."""
    app = LeakhuntApp(case_of([str(pid)])[0])

    async def run() -> LiveView:
        async with app.run_test(size=size) as pilot:
            view = app.screen
            assert isinstance(view, LiveView)
            await script(Driver(app, pilot), view)
        return view

    view = asyncio.run(run())
    assert wait_while(lambda: view.is_inside, 60)


async def begin_hunt(driver: Driver, view: LiveView, hunter: Hunter) -> None:
    """Begin a hunt as its key would, and wait until the load is awaited."""
    await until(driver, "longest GC pause  ")
    view.hunter = hunter
    view.is_let_go.clear()
    view._hunt(hunter)
    await until(driver, "L: the load is over")


async def until(driver: Driver, *words: str) -> None:
    """Until the screen says so; the test's own time limit ends it otherwise."""
    while not all(word in driver.text for word in words):
        await driver.pilot.pause(0.1)
