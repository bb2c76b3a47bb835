"""Tiles cover their rectangle: no overlap, no hole, areas in proportion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.tui.model.treemap import treemap

weights = st.lists(st.floats(0, 1e12) | st.integers(0, 10), max_size=30).map(
    lambda numbers: sorted(numbers, reverse=True)
)


@given(weights, st.integers(0, 50), st.integers(0, 20))
def test_tiles_cover_without_overlap(numbers: list[float], width: int, height: int) -> None:
    tiles = treemap(numbers, width, height)
    cells = [
        (x, y)
        for tile in tiles
        for x in range(tile.x, tile.x + tile.width)
        for y in range(tile.y, tile.y + tile.height)
    ]
    assert len(set(cells)) == len(cells)
    if sum(numbers) > 0 and width and height:
        assert set(cells) == {(x, y) for x in range(width) for y in range(height)}
    else:
        assert not tiles
    assert len({tile.index for tile in tiles}) == len(tiles)


@given(st.lists(st.integers(20, 100), min_size=1, max_size=12))
def test_areas_are_in_proportion(numbers: list[int]) -> None:
    numbers.sort(reverse=True)
    width, height = 400, 200
    for tile in treemap(numbers, width, height):
        wanted = numbers[tile.index] / sum(numbers) * width * height
        # Each border is at most half a cell from where it should be.
        assert tile.width * tile.height == pytest.approx(wanted, abs=tile.width + tile.height + 1)


@given(st.integers(1, 40))
def test_equal_weights_are_nearly_square(count: int) -> None:
    for tile in treemap([1] * count, 240, 120):
        assert 1 / 4 < tile.width / (2 * tile.height) < 4
