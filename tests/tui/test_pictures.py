"""Every screen, as it is drawn: narrow and wide, dark and light.

After a change that is meant, run with LEAKHUNT_UPDATE_GOLDEN=1 and look at the pictures.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.tui.driver import NARROW, WIDE, Driver, drive
from tests.tui.picture import picture

FOLDER = Path(__file__).parent / "screens"
SIZES = {"80": NARROW, "160": WIDE}
THEMES = ("dark", "light")

KEYS_BY_SCREEN: dict[str, tuple[str, ...]] = {
    "case": (),
    "growth": ("2",),
    "instances": ("2", "down", "down", "enter"),
    "chain": ("enter", "down"),
    "population": ("p",),
    "whatif": ("enter", "w"),
    "help": ("question_mark",),
    "search": ("slash", "s", "e", "s", "s"),
}


def check(driver: Driver, name: str) -> None:
    """The picture is the golden one."""
    drawn = picture(driver.segments(), name)
    path = FOLDER / f"{name}.svg"
    if os.environ.get("LEAKHUNT_UPDATE_GOLDEN"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(drawn, "utf-8")
    assert drawn == path.read_text("utf-8")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("screen", KEYS_BY_SCREEN)
def test_picture(shop: Path, screen: str, width: str, theme: str) -> None:
    async def look(driver: Driver) -> None:
        driver.app.theme = f"leakhunt-{theme}"
        await driver.press(*KEYS_BY_SCREEN[screen])
        check(driver, f"{screen}-{width}-{theme}")

    drive(shop, look, SIZES[width])


def test_pictures_are_small_and_fetch_nothing() -> None:
    paths = list(FOLDER.glob("*.svg"))
    assert {path.stem.rsplit("-", 2)[0] for path in paths} >= set(KEYS_BY_SCREEN)
    for path in paths:
        text = path.read_text("utf-8")
        assert len(text) < 60_000
        assert set(re.findall(r"https?://[^\"' <]+", text)) == {"http://www.w3.org/2000/svg"}
