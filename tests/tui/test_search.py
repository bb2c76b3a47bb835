"""Search, help and the other ways around."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from leakhunt.tui.model.case import Case
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.model.search import Hit, search
from leakhunt.tui.screens import search as search_screen
from tests.tui.driver import WIDE, Driver, drive


@pytest.mark.parametrize(
    ("text", "found", "shown"),
    [
        ("unremoved", "finding  shop.bus.BUS", "listeners['tick']"),
        ("session.Sess", "type     shop.session.Session", "shop.session.Session: 65 objects"),
        ("shop.cache", "module   shop.cache", "builtins.module shop.cache · 72 B"),
        ("shop.bus.BUS.listeners", "path     shop.bus.BUS.listeners", "builtins.dict"),
        ("@10080", "path     shop.bus.BUS", "shop.bus.Bus"),
    ],
)
def test_it_is_found_and_gone_to(shop: Path, text: str, found: str, shown: str) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("slash")
        await driver.write(text)
        assert found in driver.text
        while found.split(maxsplit=1)[0] not in driver.chosen():
            await driver.press("down")
        await driver.press("enter")
        assert shown in driver.text

    drive(shop, look, WIDE)


def test_help_lists_every_key(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("question_mark")
        assert "jump to the GC root" in driver.text
        await driver.press("escape")
        assert "jump to the GC root" not in driver.text

    drive(shop, look, (160, 80))


def test_the_theme_changes_and_is_kept(shop: Path) -> None:
    async def turn(driver: Driver) -> None:
        await driver.press("t")
        assert driver.app.theme == "leakhunt-light"
        await driver.press("q")

    drive(shop, turn)

    async def look(driver: Driver) -> None:
        assert driver.app.theme == "leakhunt-light"

    drive(shop, look)


def test_a_click_on_a_tab_goes_there(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.pilot.click("TopBar", offset=(12, 0))
        await driver.settle()
        assert driver.app.current_mode == "growth"

    drive(shop, look)


def test_the_palette_does_what_keys_do(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("ctrl+p")
        await driver.write("population")
        assert "Walk the whole leaked population" in driver.text
        await driver.press("enter")
        await driver.press("enter")
        assert "finding 1: 60 objects" in driver.text

    drive(shop, look, WIDE)


def test_a_click_on_a_heading_sorts_and_on_a_row_opens(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("2")
        await driver.pilot.click("#types", offset=(3, 0))
        await driver.settle()
        assert "type↑" in driver.text
        await driver.pilot.click("#types", offset=(3, 4))
        await driver.settle()
        chosen = driver.chosen().split()[0]
        await driver.pilot.click("#types", offset=(3, 4))
        await driver.settle()
        assert f"{chosen}: " in driver.text

    drive(shop, look, WIDE)


def test_it_fits_after_resizing(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        for width, height in ((250, 60), (60, 16), (80, 24)):
            await driver.pilot.resize_terminal(width, height)
            await driver.settle()
            assert "LEAK" in driver.text
            assert len(driver.lines()) == height

    drive(shop, look)


def test_enter_waits_for_the_answer(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_answer = threading.Event()
    may_answer.set()

    def slow(case: Case, heap: HeapView | None, text: str) -> list[Hit]:
        may_answer.wait()
        return search(case, heap, text)

    monkeypatch.setattr(search_screen, "search", slow)

    async def look(driver: Driver) -> None:
        await driver.press("slash")
        await driver.write("session.Sess")
        may_answer.clear()
        driver.app.screen.query_one(Input).value = "@10080"
        await driver.pilot.pause()
        await driver.pilot.press("enter")
        await driver.pilot.pause()
        assert isinstance(driver.app.screen, search_screen.SearchScreen)
        may_answer.set()
        await driver.settle()
        assert "shop.bus.Bus" in driver.text
        assert driver.app.current_mode == "chain"

    drive(shop, look, WIDE)


@pytest.mark.parametrize(
    ("view", "key", "character"), [("1", "slash", "/"), ("2", "f", "f"), ("6", "f", "f")]
)
def test_letters_of_the_same_instant_land_in_the_field(
    shop: Path, view: str, key: str, character: str
) -> None:
    async def look(driver: Driver) -> None:
        await driver.press(view)
        for name, letter in ((key, character), ("s", "s"), ("q", "q"), ("2", "2")):
            driver.app.post_message(events.Key(name, letter))
        await driver.settle()
        field = driver.app.screen.query_one(Input)
        assert field.value == "sq2"
        assert driver.app.focused is field
        assert driver.app.is_running

    drive(shop, look)


def test_a_note_typed_at_once_is_the_note(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        for name in ("n", "q", "t", "enter"):
            driver.app.post_message(events.Key(name, name if len(name) == 1 else None))
        await driver.settle()
        assert list(driver.app.case.notebook.notes.values()) == ["qt"]

    drive(shop, look)
