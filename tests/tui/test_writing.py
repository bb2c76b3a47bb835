"""Tests, reports and drawings written from a view."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.tui.driver import WIDE, Driver, drive


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(driver: Driver) -> str:
    """The short messages so far."""
    return "\n".join(one.message for one in driver.app._notifications)


async def answer(driver: Driver, text: str) -> None:
    """Instead of what is proposed."""
    await driver.press("end", "ctrl+u")
    await driver.write(text)
    await driver.press("enter")


def test_a_test_is_written_once(shop: Path, tmp_path: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("T")
        assert "Write a test for the finding" in driver.text
        await driver.press("enter")
        assert "written: test_shop_bus" in said(driver)
        await driver.press("T", "enter")
        assert "is there already" in said(driver)

    drive(shop, look, WIDE)
    (written,) = tmp_path.glob("test_*.py")
    assert "pytest.mark.leakhunt" in written.read_text()
    ast.parse(written.read_text())


def test_a_report_is_written_by_its_name(shop: Path, tmp_path: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("R", "enter")
        assert "written: leak-report.html" in said(driver)
        await driver.press("R")
        await answer(driver, "leak.md")
        await driver.press("R", "escape")

    drive(shop, look, WIDE)
    assert (tmp_path / "leak-report.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "leak.md").read_text().startswith("# Memory leak report")
    assert (tmp_path / "leak.md").stat().st_mode & 0o777 == 0o600


def test_a_neighbourhood_is_exported(shop: Path, tmp_path: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("4", "E")
        await answer(driver, "bus.json")
        assert "written: bus.json" in said(driver)
        await driver.press("E")
        await answer(driver, "bus.png")
        assert "ends like no drawing" in said(driver)
        await driver.press("1", "E", "enter")
        assert "written: around.dot" in said(driver)

    drive(shop, look, WIDE)
    assert "shop.bus" in (tmp_path / "bus.json").read_text()
    assert (tmp_path / "around.dot").read_text().startswith("digraph")
    assert not (tmp_path / "bus.png").exists()


def test_a_drawing_for_compared_files_is_not_of_another_hunt(shop: Path, tmp_path: Path) -> None:
    """A report that lies beside the files is not theirs."""
    report = shop / "report.json"
    report.write_text(report.read_text().replace("shop.bus.BUS", "other.hunt.BUS"))
    files = [str(shop / f"{label}.lkcols") for label in ("baseline", "loaded", "final")]

    async def look(driver: Driver) -> None:
        await driver.press("E", "enter")
        assert "written: around.dot" in said(driver)

    drive(files, look, WIDE)
    assert "listeners" in (tmp_path / "around.dot").read_text()
