"""Plotting and arrays."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from leakhunt.detectors.rows import Row, Spot

ROWS: tuple[Row, ...] = (
    Spot(
        Category.CACHE,
        ("matplotlib._pylab_helpers.Gcf.figs",),
        "Call `plt.close(fig)` when a figure is saved, or make figures without pyplot "
        "(`matplotlib.figure.Figure()`): pyplot keeps each one until it is closed.",
        noun="Figure never closed",
    ),
)
