"""The screens, letter by letter.

After a change that is meant, run with LEAKHUNT_UPDATE_GOLDEN=1 and read the difference.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from leakhunt.report.json_report import to_json
from leakhunt.report.text import TextOptions, render_text
from leakhunt.report.text.trend import render_trend
from leakhunt.report.text.verify_screen import render_verification
from leakhunt.report.text.waste_screen import render_waste
from tests.golden.sample_reports import ALL, CLEAN, LEAKY, PARTIAL, TREND, VERIFICATION, WASTE
from tests.nasty_names import NASTY_NAMES

FOLDER = Path(__file__).parent / "screens"


def check(name: str, text: str) -> None:
    path = FOLDER / name
    if os.environ.get("LEAKHUNT_UPDATE_GOLDEN"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ALL)
def test_screen(name: str, width: int) -> None:
    check(f"{name}-{width}.txt", render_text(ALL[name], TextOptions(width=width)))


def test_screen_with_everything() -> None:
    check("leaky-all-160.txt", render_text(LEAKY, TextOptions(width=160, show_all=True)))


def test_screen_in_color() -> None:
    check("leaky-color-80.txt", render_text(LEAKY, TextOptions(color=True)))


def test_screen_in_ascii() -> None:
    check("leaky-ascii-80.txt", render_text(LEAKY, TextOptions(ascii_only=True)))


def test_json() -> None:
    check("leaky.json", to_json(LEAKY) + "\n")


@pytest.mark.parametrize("width", [60, 100])
def test_trend(width: int) -> None:
    check(f"trend-{width}.txt", render_trend(TREND, TextOptions(width=width)))


def test_trend_in_ascii() -> None:
    text = render_trend(TREND, TextOptions(ascii_only=True))
    assert text.isascii()
    assert "45 -> 645 entries" in text


def test_a_trend_of_nothing() -> None:
    check("trend-flat-80.txt", render_trend(replace(TREND, holders=(), types=(), notes=())))


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_nasty_names_in_a_trend(name: str) -> None:
    holder = replace(TREND.holders[2], path=name, noise=name)
    grown = replace(TREND.types[0], type=name)
    text = render_trend(replace(TREND, holders=(holder,), types=(grown,), notes=(name,)))
    assert all(line.isprintable() for line in text.rstrip("\n").split("\n"))


@pytest.mark.parametrize("width", [60, 100])
def test_verification(width: int) -> None:
    text = render_verification(VERIFICATION, TextOptions(width=width))
    check(f"verify-{width}.txt", text)


def test_verification_in_ascii_and_of_other_ends() -> None:
    assert render_verification(VERIFICATION, TextOptions(ascii_only=True)).isascii()
    fixed = replace(VERIFICATION, after=CLEAN, changes=VERIFICATION.changes[-1:], notes=())
    check("verify-fixed-80.txt", render_verification(fixed))
    clean = replace(fixed, before=CLEAN, changes=())
    assert render_verification(clean).startswith(" No leak: nothing leaked before")
    partial = replace(fixed, after=PARTIAL)
    assert "Partial result: " in render_verification(partial)
    assert "Not fixed" in render_verification(partial)


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_nasty_names_in_a_verification(name: str) -> None:
    changes = tuple(replace(one, holder=name) for one in VERIFICATION.changes)
    text = render_verification(replace(VERIFICATION, changes=changes, notes=(name,)))
    assert all(line.isprintable() for line in text.rstrip("\n").split("\n"))


@pytest.mark.parametrize("width", [60, 100])
def test_waste(width: int) -> None:
    check(f"waste-{width}.txt", render_waste(WASTE, TextOptions(width=width)))


def test_waste_without_hashes_and_in_ascii() -> None:
    text = render_waste(replace(WASTE, duplicates=None), TextOptions(ascii_only=True, top=1))
    assert "capture with --content" in text
    assert "1 more place: --top N or --all" in text
    assert text.isascii()


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_nasty_names_in_waste(name: str) -> None:
    assert WASTE.duplicates is not None
    value = replace(WASTE.duplicates.values[0], text=name, path=name)
    nasty = replace(
        WASTE,
        duplicates=replace(WASTE.duplicates, values=(value,)),
        containers=replace(
            WASTE.containers, places=(replace(WASTE.containers.places[0], path=name),)
        ),
        instance_dicts=(replace(WASTE.instance_dicts[0], type=name),),
    )
    text = render_waste(nasty)
    assert all(line.isprintable() for line in text.rstrip("\n").split("\n"))
