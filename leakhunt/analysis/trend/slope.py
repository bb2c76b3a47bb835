"""How fast a series grows, and how straight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import mean, median

STRAIGHT = 0.98
"""r² from which growth is called linear."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A line through a series."""

    rate: float
    """Theil-Sen slope: the median of the slopes of all pairs of points (Theil 1950, Sen 1968).
    Up to 29 % of the points may be off without moving it far."""
    r2: float | None
    """``1 - SS_res / SS_tot`` about that line, whose intercept is the median of ``y - rate * x``:
    1 when all points are on it, 0 or less when a flat line would fit as well; None when the
    values are all equal."""


def slope(x: Sequence[float], y: Sequence[float], run: Sequence[int] | None = None) -> Slope:
    """Slope of ``y`` over ``x``.

    ``run`` numbers the run each point belongs to: pairs are then taken within a run only and
    each run has an intercept of its own, so that runs which start at different levels compare.
    With one point a run, the points are taken as one series.  O(points²).

    Raises:
        ValueError: fewer than two points, or all at one ``x``.
    """
    runs = list(run) if run is not None and len(set(run)) < len(run) else [0] * len(x)
    slopes = [
        (y[j] - y[i]) / (x[j] - x[i])
        for i, j in combinations(range(len(x)), 2)
        if runs[i] == runs[j] and x[i] != x[j]
    ]
    if not slopes:
        raise ValueError("a slope needs two points at different x")
    rate = median(slopes)
    return Slope(rate, _r2(x, y, runs, rate))


def _r2(x: Sequence[float], y: Sequence[float], runs: Sequence[int], rate: float) -> float | None:
    residual = total = 0.0
    for one in set(runs):
        points = [(a, b) for a, b, at in zip(x, y, runs, strict=True) if at == one]
        start = median(b - rate * a for a, b in points)
        level = mean(b for _, b in points)
        residual += sum((b - rate * a - start) ** 2 for a, b in points)
        total += sum((b - level) ** 2 for _, b in points)
    return None if total == 0 else 1 - residual / total
