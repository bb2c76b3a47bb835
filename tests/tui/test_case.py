"""The first screen: the verdict, the findings, and what a person notes about them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.tui.driver import WIDE, Driver, drive


def test_it_opens_with_the_verdict_and_the_findings(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        assert "LEAK  1 leak" in driver.text
        assert "Unremoved listener" in driver.text
        assert "shop.bus.BUS.listeners['tick']" in driver.text

    drive(shop, look, WIDE)


def test_a_note_a_mark_and_a_verdict_are_kept_with_the_case(shop: Path) -> None:
    async def note(driver: Driver) -> None:
        await driver.press("m", "n")
        await driver.write("mine")
        await driver.press("enter", "v", "down", "down", "down", "enter")
        assert "no leak*" in driver.text

    drive(shop, note, WIDE)
    path = shop / "notebook.json"
    kept = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(kept["notes"].values()) == ["mine"]
    assert list(kept["verdicts"].values()) == ["NOT"]
    assert list(kept["marks"].values()) == ["shop.bus.BUS.listeners['tick']"]

    async def look(driver: Driver) -> None:
        assert "no leak*" in driver.text
        assert "mine" in driver.text

    drive(shop, look, WIDE)
