"""Growth: types sorted, selected and grouped, and their instances."""

from __future__ import annotations

from pathlib import Path

from leakhunt.tui.screens.growth import GrowthView
from tests.tui.driver import WIDE, Driver, drive


def first_row(driver: Driver) -> str:
    """The line below the headings."""
    at = next(i for i, line in enumerate(driver.lines()) if " change" in line)
    return driver.lines()[at + 1]


def test_types_are_sorted_by_the_change_in_bytes(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("2")
        assert "builtins.bytearray" in first_row(driver)
        assert "+480.0K" in first_row(driver)
        await driver.press("u")
        assert "+60" in first_row(driver)

    drive(shop, look, WIDE)


def test_what_is_typed_selects(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("2", "f")
        await driver.write("session")
        assert "1 of" in driver.text
        assert "shop.session.Session" in first_row(driver)
        await driver.press("escape")
        assert "builtins.bytearray" in first_row(driver)

    drive(shop, look, WIDE)


def test_types_are_grouped_by_module(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("2", "g")
        assert first_row(driver).split()[0] == "builtins"
        assert "modules" in driver.text

    drive(shop, look, WIDE)


def test_a_type_lists_its_instances(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("2", "f")
        await driver.write("session")
        await driver.press("enter", "enter")
        assert "shop.session.Session: 65 objects" in driver.text
        assert "shop.bus.BUS.listeners['tick'][" in driver.text
        assert "since baseline" in driver.text
        await driver.press("left_square_bracket")
        assert "1 of" in driver.text

    drive(shop, look, WIDE)


def test_an_answer_to_an_older_question_is_not_shown(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("2", "f")
        await driver.write("session")
        await driver.press("enter", "enter")
        view = driver.app.screen
        assert isinstance(view, GrowthView)
        rows = view._rows
        assert rows is not None
        late = rows.sorted("address", is_descending=False)
        view._show_instances("shop.session.Session", ("address", False), late)
        assert view._rows is rows
        view._show_instances("shop.session.Session", view._order, late)
        assert view._rows is late

    drive(shop, look, WIDE)
