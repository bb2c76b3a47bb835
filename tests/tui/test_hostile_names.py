"""Names from a target appear literally, on every screen they get to."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from leakhunt.report.escape import escape
from tests.nasty_names import NASTY_NAMES
from tests.tui.cases import Shop, shop_case
from tests.tui.driver import Driver, drive

TALL = (160, 110)
NAMES = [name for name in NASTY_NAMES if name.strip()]
SHORT = [
    name
    for name in NAMES
    # Halves of a pair are one character once they were written to a file.
    if len(escape(name, limit=None)) < 50 and "\ud83d\ude00" not in name
]


def is_visible(text: str) -> bool:
    """Does nothing in it drive a terminal or hide?"""
    return all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") for c in text)


def hostile(shop: Shop) -> None:
    """Types, keys and texts with all the names, held where the shop's listeners are."""
    for name in NAMES:
        thing = shop.heap.object(name, 64, text=shop.heap.str(name))
        shop.ticks.append(shop.heap.dict({name: thing}))


def assert_literal(driver: Driver) -> None:
    assert all(is_visible(line) for line in driver.lines()), driver.text


def test_types_are_literal(tmp_path: Path) -> None:
    folder = shop_case(tmp_path / "shop", cycles=9, edit=hostile)

    async def look(driver: Driver) -> None:
        await driver.press("2")
        assert_literal(driver)
        missing = [name for name in SHORT if escape(name).strip() not in driver.text]
        assert missing == []

    drive(folder, look, TALL)


def test_keys_texts_and_paths_are_literal(tmp_path: Path) -> None:
    name = "\x1b[2J[red]'\u202etick"
    folder = shop_case(tmp_path / "shop", cycles=9, edit=hostile, key=name)

    async def look(driver: Driver) -> None:
        assert_literal(driver)
        for keys in (("enter",), ("end",), ("enter",), ("right",), ("w",), ("escape", "1"), ("p",)):
            await driver.press(*keys)
            assert_literal(driver)
        await driver.press("slash")
        await driver.write("tick")
        assert_literal(driver)
        assert "[red]" in driver.text

    drive(folder, look, TALL)


def test_a_note_with_markup_is_literal(tmp_path: Path) -> None:
    folder = shop_case(tmp_path / "shop", cycles=9)

    async def note(driver: Driver) -> None:
        await driver.press("n", "left_square_bracket", "r", "right_square_bracket", "enter")
        assert "[r]" in driver.text
        driver.app.say("[bold]\x1b[2J")
        await driver.settle()
        assert "[bold]\\x1b[2J" in driver.text

    drive(folder, note, TALL)
