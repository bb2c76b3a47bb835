"""Names from a target appear literally, on every screen they get to."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from leakhunt.report.escape import escape
from tests.nasty_names import NASTY_NAMES
from tests.tui.cases import Shop, shop_case
from tests.tui.driver import WIDE, Driver, drive

SCREENS = ((), ("2",), ("enter",), ("enter", "down", "enter", "enter"), ("p",), ("enter", "w"))


def is_visible(text: str) -> bool:
    """Does nothing in it drive a terminal or hide?"""
    return all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") for c in text)


@pytest.mark.parametrize("name", [n for n in NASTY_NAMES if 0 < len(n) < 200])
def test_a_name_is_literal(tmp_path: Path, name: str) -> None:
    def more(shop: Shop) -> None:
        shop.heap.module("shop.bus", EXTRA=shop.heap.dict({name: shop.heap.str(name)}))

    folder = shop_case(tmp_path / "shop", cycles=12, edit=more, session=name or "x", key=name)

    async def look(driver: Driver) -> None:
        for keys in SCREENS:
            await driver.press("1", *keys)
            assert all(is_visible(line) for line in driver.lines()), driver.text
            await driver.press("escape")
        await driver.press("2")
        shown = escape(name, limit=160)
        if shown.strip() and len(shown) < 40:
            assert shown.strip() in driver.text

    drive(folder, look, WIDE)
