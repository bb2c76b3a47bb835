from __future__ import annotations

import pytest

from leakhunt.analysis.trend.slope import slope


def test_a_line_is_found_exactly() -> None:
    found = slope([0, 10, 30], [5, 25, 65])
    assert (found.rate, found.r2) == (2.0, 1.0)


def test_one_outlier_in_six_moves_least_squares_but_not_this() -> None:
    found = slope(range(6), [0, 1, 2, 300, 4, 5])
    assert found.rate == 1.0
    assert found.r2 is not None
    assert found.r2 < 0.1


def test_a_flat_series_has_no_fit() -> None:
    assert slope([0, 1, 2], [7, 7, 7]).r2 is None


def test_noise_fits_no_better_than_a_flat_line() -> None:
    found = slope(range(4), [0, 9, 0, 9])
    assert found.r2 is not None
    assert found.r2 < 0.5


def test_runs_have_intercepts_of_their_own() -> None:
    found = slope([0, 1, 0, 1], [0, 2, 100, 102], [0, 0, 1, 1])
    assert (found.rate, found.r2) == (2.0, 1.0)
    assert slope([0, 1, 2], [0, 2, 4], [0, 1, 2]).rate == 2.0


@pytest.mark.parametrize("x", [(), (1,), (3, 3, 3)])
def test_too_few_points(x: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="two points"):
        slope(x, x)
