"""The numbers of JSON arrays, against Python's own."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.interop import _decimal

numbers = st.lists(st.integers(0, 2**32 - 1) | st.sampled_from([0, 9, 10, 2**32 - 1]))


@given(numbers, st.integers(1, 5))
def test_rows_are_json(values: list[int], columns: int) -> None:
    values = values[: len(values) // columns * columns]
    array = np.array(values, np.uint32)
    text = _decimal.format_rows(array, columns, True)
    assert json.loads(b"[" + text + b"]") == values
    assert text.count(b"\n") == len(values) // columns
    if values:
        assert json.loads(b"[0" + _decimal.format_rows(array, columns, False) + b"]")[1:] == values


@given(numbers, st.sampled_from(["", " ", "\n\t"]), st.integers(1, 7))
def test_numbers_are_read_back_in_pieces(values: list[int], blank: str, room: int) -> None:
    text = (blank + f"{blank},{blank}".join(map(str, values)) + blank).encode()
    found: list[int] = []
    at = 0
    while at < len(text):
        out = np.zeros(room, np.uint32)
        count, at = _decimal.parse_numbers(text, at, len(text), out)
        found += out[:count].tolist()
    assert found == values


@pytest.mark.parametrize(
    ("text", "problem", "offset"),
    [
        (b"1,-2", "an unsigned decimal number is expected", 2),
        (b"1.5", "a comma is expected", 1),
        (b"1e3", "a comma is expected", 1),
        (b"1 2", "a comma is expected", 2),
        (b"1,,2", "an unsigned decimal number is expected", 2),
        (b",1", "an unsigned decimal number is expected", 0),
        (b"1,", "a number is expected after the last comma", 2),
        (b"1, ", "an unsigned decimal number is expected", 3),
        (b"7,4294967296", "a number does not fit 32 bits", 2),
        (b"99999999999999999999999999", "a number does not fit 32 bits", 0),
        (b"1,007", "a number has a leading zero", 2),
        (b'1,"2"', "an unsigned decimal number is expected", 2),
    ],
)
def test_everything_else_is_refused_with_its_place(text: bytes, problem: str, offset: int) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        _decimal.parse_numbers(text, 0, len(text), np.zeros(9, np.uint32))
    assert caught.value.args == (problem, offset)


def test_bad_arguments_are_errors() -> None:
    out = np.zeros(2, np.uint32)
    with pytest.raises(TypeError, match="expected 4-byte items"):
        _decimal.format_rows(np.zeros(2, np.uint64), 1, True)
    with pytest.raises(ValueError, match="make no rows of 2"):
        _decimal.format_rows(np.zeros(3, np.uint32), 2, True)
    with pytest.raises(ValueError, match="make no rows of 0"):
        _decimal.format_rows(out, 0, True)
    for start, end in ((-1, 1), (0, 9), (2, 1)):
        with pytest.raises(ValueError, match="has no part"):
            _decimal.parse_numbers(b"1,2", start, end, out)
