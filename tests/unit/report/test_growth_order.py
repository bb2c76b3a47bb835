from __future__ import annotations

import pytest

from leakhunt.errors import UsageError
from leakhunt.report.growth_order import AMOUNT_BY_KEY, SORT_KEYS, growing, ordered
from tests.golden.sample_reports import GROWTH


@pytest.mark.parametrize("key", SORT_KEYS)
def test_every_key_keeps_all_rows(key: str) -> None:
    assert sorted(map(repr, ordered(GROWTH, key))) == sorted(map(repr, GROWTH))


@pytest.mark.parametrize("key", AMOUNT_BY_KEY)
def test_largest_first(key: str) -> None:
    amounts = [AMOUNT_BY_KEY[key](row) for row in ordered(GROWTH, key)]
    assert amounts == sorted(amounts, reverse=True)


def test_default_is_the_size_delta_and_ties_go_by_name() -> None:
    assert [row.type for row in ordered(GROWTH)][:2] == ["builtins.bytes", "builtins.dict"]
    assert ordered(reversed(GROWTH)) == ordered(GROWTH)


def test_by_name() -> None:
    names = [row.type for row in ordered(GROWTH, "type")]
    assert names == sorted(names)


def test_growing_leaves_out_what_does_not() -> None:
    assert "builtins.cell" not in [row.type for row in growing(GROWTH)]
    assert [row.type for row in growing(GROWTH, "garbage")] == ["shop.Session"]
    assert [row.type for row in growing(GROWTH, "departed")] == ["builtins.dict", "builtins.cell"]


def test_unknown_key() -> None:
    with pytest.raises(UsageError, match="no sort key 'colour'") as caught:
        ordered(GROWTH, "colour")
    assert "size" in caught.value.hint
