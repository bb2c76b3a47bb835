"""Search, help and the other ways around."""

from __future__ import annotations

from pathlib import Path

import pytest

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
