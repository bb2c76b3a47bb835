"""A plot of memory over the cycles of a hunt."""

from __future__ import annotations

from collections.abc import Sequence

from textual_plotext import PlotextPlot

from leakhunt.report import units


class RatePlot(PlotextPlot):
    """Bytes of Python objects at each snapshot, over the cycles or the snapshots."""

    def show(
        self, title: str, x: Sequence[float], y: Sequence[float], ticks: Sequence[str]
    ) -> None:
        """Draw other points; ``ticks`` are their words below the axis."""
        plt = self.plt
        plt.clear_figure()
        if len(x) > 1:
            plt.plot(list(x), list(y), marker="braille")
            plt.scatter(list(x), list(y), marker="dot")
            plt.xticks(list(x), list(ticks))
            low, high = min(y), max(y)
            if low == high:
                high += 1
            levels = [low + (high - low) * i / 2 for i in range(3)]
            plt.yticks(levels, [units.short_size(level) for level in levels])
        plt.frame(False)
        plt.title(title)
        self.refresh()
