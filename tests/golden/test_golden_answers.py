"""The screens of answers about one snapshot, letter by letter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from leakhunt.report.bill_model import bill_to_json
from leakhunt.report.heap_model import heap_to_json
from leakhunt.report.paths_model import paths_to_json
from leakhunt.report.sites_model import sites_to_json
from leakhunt.report.text import TextOptions
from leakhunt.report.text.bill_screen import render_bill
from leakhunt.report.text.doctor_screen import render_doctor
from leakhunt.report.text.heap_screen import render_heap
from leakhunt.report.text.paths_screen import render_paths
from leakhunt.report.text.sites_screen import render_sites
from leakhunt.report.text.whatif_screen import render_whatif
from leakhunt.report.whatif_json import whatif_to_json
from tests.golden.sample_answers import (
    BILL_ANSWERS,
    DOCTOR,
    HEAPS,
    LISTENERS,
    PATHS,
    SESSIONS,
    SHOP_HEAP,
    SITES,
    WHATIFS,
    nasty_sites,
)
from tests.golden.test_golden_text import check
from tests.nasty_names import NASTY_NAMES


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", WHATIFS)
def test_whatif(name: str, width: int) -> None:
    check(f"whatif-{name}-{width}.txt", render_whatif(WHATIFS[name], TextOptions(width=width)))


def test_whatif_in_color() -> None:
    check("whatif-listeners-color-80.txt", render_whatif(LISTENERS, TextOptions(color=True)))


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", PATHS)
def test_paths(name: str, width: int) -> None:
    check(f"paths-{name}-{width}.txt", render_paths(PATHS[name], TextOptions(width=width)))


def test_paths_json() -> None:
    check("paths-sessions.json", paths_to_json(SESSIONS) + "\n")


def test_whatif_json() -> None:
    check("whatif-listeners.json", whatif_to_json(LISTENERS) + "\n")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", HEAPS)
def test_heap(name: str, width: int) -> None:
    check(f"heap-{name}-{width}.txt", render_heap(HEAPS[name], TextOptions(width=width)))


def test_heap_json() -> None:
    check("heap-shop.json", heap_to_json(SHOP_HEAP) + "\n")


@pytest.mark.parametrize("width", [60, 100])
def test_sites(width: int) -> None:
    check(f"sites-{width}.txt", render_sites(SITES, TextOptions(width=width)))


def test_sites_of_one_snapshot_have_no_change() -> None:
    one = replace(SITES, labels=("final",))
    check("sites-one-80.txt", render_sites(one, TextOptions(ascii_only=True)))


def test_sites_json() -> None:
    check("sites.json", sites_to_json(SITES) + "\n")


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_a_table_of_nasty_sites_stays_in_its_lines(name: str) -> None:
    text = render_sites(nasty_sites(name), TextOptions(width=80))
    assert all(cell_len(line) <= 80 for line in text.split("\n"))
    assert all(character == "\n" or character.isprintable() for character in text)


@pytest.mark.parametrize("width", [50, 80])
@pytest.mark.parametrize("number", range(len(BILL_ANSWERS)))
def test_bill(number: int, width: int) -> None:
    text = render_bill(BILL_ANSWERS[number], TextOptions(width=width))
    check(f"bill-{number}-{width}.txt", text)
    assert all(len(line) <= width for line in text.splitlines())


def test_bill_with_sources() -> None:
    options = TextOptions(width=80, show_all=True, ascii_only=True)
    check("bill-all-80.txt", render_bill(BILL_ANSWERS[0], options))


def test_doctor() -> None:
    check("doctor-80.txt", render_doctor(DOCTOR, TextOptions(width=80)))
    check("doctor-color-80.txt", render_doctor(DOCTOR, TextOptions(width=80, color=True)))


def test_bill_json() -> None:
    check("bill.json", bill_to_json(BILL_ANSWERS[2]) + "\n")
