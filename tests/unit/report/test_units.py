from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.report import units


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B".replace("1023", "1,023")),
        (1024, "1.0 KiB"),
        (10_342, "10.1 KiB"),
        (1024 * 1024 - 1, "1.0 MiB"),
        (21_590_000, "20.6 MiB"),
        (-2048, "-2.0 KiB"),
        (1 << 70, "1024.0 EiB"),
        (None, "?"),
        (float("nan"), "?"),
        (0.25, "0.25 B"),
    ],
)
def test_size(value: float | None, shown: str) -> None:
    assert units.size(value) == shown


def test_signs() -> None:
    assert units.size(512, signed=True) == "+512 B"
    assert units.size(0, signed=True) == "0 B"
    assert units.count(-3, signed=True) == "-3"
    assert units.count(2045) == "2,045"
    assert units.count(0.001, signed=True) == "+<0.01"


@given(st.integers(-(1 << 62), 1 << 62))
def test_table_cells_are_short(value: int) -> None:
    assert len(units.short_size(value, signed=True)) <= 7
    assert len(units.short_count(value, signed=True)) <= 7


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (1023, "1023"), (1024, "1.0K"), (1_047_000, "1022K"), (1_048_500, "1.0M")],
)
def test_short_size(value: int, shown: str) -> None:
    assert units.short_size(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(9_999, "9,999"), (10_000, "10.0k"), (999_960, "1.0M"), (0, "0")]
)
def test_short_count(value: int, shown: str) -> None:
    assert units.short_count(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(850_000, "850 us"), (9_800_000, "9.8 ms"), (12_400_000, "12 ms"), (1_230_000_000, "1.2 s")],
)
def test_duration(value: int, shown: str) -> None:
    assert units.duration(value) == shown


def test_plural() -> None:
    assert units.plural(1, "leak") == "1 leak"
    assert units.plural(2000, "leak") == "2,000 leaks"
    assert units.plural(2, "entry", "entries") == "2 entries"
