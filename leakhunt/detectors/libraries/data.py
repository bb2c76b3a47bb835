"""Plots, arrays, tables and documents."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from leakhunt.detectors.rows import Remark, Row, Spot

ROWS: tuple[Row, ...] = (
    Spot(
        Category.CACHE,
        ("matplotlib._pylab_helpers.Gcf.figs",),
        "Call `plt.close(fig)` when a figure is saved, or make figures without pyplot "
        "(`matplotlib.figure.Figure()`): pyplot keeps each one until it is closed.",
        noun="Figure never closed",
    ),
)

REMARKS: tuple[Remark, ...] = (
    Remark(
        frozenset({"numpy.ndarray"}),
        "A view keeps the whole array it was cut from: store `view.copy()` where a small part of "
        "a large array is kept.",
    ),
    Remark(
        frozenset({"pandas.Series", "pandas.DataFrame", "pandas.core.generic.NDFrame"}),
        "A column or slice can keep the whole frame it was cut from: store `.copy()`.",
    ),
    Remark(
        frozenset({"lxml.etree._Element"}),
        "One element keeps its whole document: store its text (`etree.tostring`), or "
        "`copy.deepcopy(element)`.",
    ),
)
