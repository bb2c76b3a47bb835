"""Drive the application without a terminal: open a case, press keys, look."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from rich.segment import Segment
from textual.pilot import Pilot
from textual.widgets import Input
from textual.worker import WorkerCancelled

from leakhunt.tui.app import LeakhuntApp
from leakhunt.tui.model.open import case_of
from leakhunt.tui.widgets.rows import RowList
from leakhunt.tui.widgets.words import plain

NARROW, WIDE = (80, 24), (160, 50)

Script = Callable[["Driver"], Awaitable[None]]


class Driver:
    """A person at the keyboard."""

    def __init__(self, app: LeakhuntApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until all that follows has been drawn."""
        await self.pilot.press(*keys)
        await self.settle()

    async def write(self, text: str) -> None:
        """Type a text into the field that has the focus."""
        names = {" ": "space", ".": "full_stop", "_": "underscore", "@": "at"}
        await self.press(*(names.get(letter, letter) for letter in text))

    def chosen(self) -> str:
        """The row under the cursor of the list on top."""
        rows = self.app.screen.query_one(RowList)
        return " ".join(plain(cell) for cell in rows.source.cells(rows.cursor))

    async def go_to(self, text: str) -> None:
        """Move the cursor down from the first row to the one that has a text."""
        await self.press("home")
        for _ in range(len(self.app.screen.query_one(RowList).source)):
            if text in self.chosen():
                return
            await self.press("down")
        raise AssertionError(f"no row has {text!r}:\n{self.text}")

    async def settle(self) -> None:
        """Until no worker runs and everything is drawn."""
        for _ in range(3):
            for field in self.app.screen.query(Input):
                field.cursor_blink = False  # by the clock: seen or not, as the machine is loaded
            with suppress(WorkerCancelled):  # by a newer one, or with the dialog it was for
                await self.app.workers.wait_for_complete()
            await self.pilot.pause()

    def lines(self) -> list[str]:
        """The screen as text."""
        return ["".join(s.text for s in line).rstrip() for line in self.segments()]

    def segments(self) -> list[list[Segment]]:
        """The screen as segments, line by line."""
        screen = self.app.screen
        return [list(strip) for strip in screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines())


def drive(
    source: Path | list[str],
    script: Script,
    size: tuple[int, int] = NARROW,
    *,
    at_rest: Callable[[bool], object] | None = None,
) -> LeakhuntApp:
    """Open what ``leakhunt tui`` would, run a script against it, leave."""
    sources = source if isinstance(source, list) else [str(source)]
    case, said = case_of(sources)
    app = LeakhuntApp(case, said=said, at_rest=at_rest)
    del case

    async def run() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            driver = Driver(app, pilot)
            await driver.settle()
            await script(driver)

    asyncio.run(run())
    return app
