"""NO_COLOR: not a colour on any screen, and one still sees where one is."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from leakhunt.tui.app import LeakhuntApp
from leakhunt.tui.model.open import case_of
from tests.tui.driver import WIDE, Driver
from tests.tui.terminal import Terminal

STYLE = re.compile(rb"\x1b\[([0-9;]*)m")
DEFAULTS = {39, 49}


def is_color(number: int) -> bool:
    """Does this number of a style set a colour?"""
    return (30 <= number <= 49 or 90 <= number <= 107) and number not in DEFAULTS


def colors_in(said: bytes) -> set[bytes]:
    """The styles that set a colour."""
    styles = set(STYLE.findall(said))
    return {s for s in styles if any(is_color(int(part or 0)) for part in s.split(b";"))}


@pytest.mark.parametrize(("value", "is_plain"), [("1", True), ("", False)])
def test_a_terminal_gets_no_colors(shop: Path, value: str, is_plain: bool) -> None:
    command = [sys.executable, "-m", "leakhunt", "tui", str(shop)]
    with Terminal(command, size=(40, 120), environment={"NO_COLOR": value}) as terminal:
        terminal.wait_for("verdict")
        for key, words in (("2", "final"), ("3", "held by"), ("4", "retained"), ("t", "")):
            terminal.type(key)
            terminal.wait_for(words)
        terminal.type("q")
        assert terminal.exit_code() == 0
    assert bool(colors_in(terminal.said)) is not is_plain
    styles = {part for style in STYLE.findall(terminal.said) for part in style.split(b";")}
    assert {b"1", b"2", b"7"} <= styles or not is_plain  # bold, dim, reverse


def test_every_view_and_theme_is_without_colors(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = LeakhuntApp(case_of([str(shop)])[0])

    async def run() -> None:
        async with app.run_test(size=WIDE) as pilot:
            driver = Driver(app, pilot)
            for key in ("1", "2", "3", "4", "5", "6", "7", "slash", "escape", "t", "1", "2", "3"):
                await driver.press(key)
                styles = [s.style for line in driver.segments() for s in line if s.style]
                assert not any(style.color or style.bgcolor for style in styles), key
                assert any(style.reverse for style in styles), key

    asyncio.run(run())
