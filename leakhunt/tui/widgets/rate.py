"""A plot of memory over the cycles of a hunt."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import RenderResult
from textual_plotext import PlotextPlot

from leakhunt.report import units
from leakhunt.tui.widgets.inked import Inked

_LEVELS = 3


class RatePlot(PlotextPlot, Inked):
    """Bytes of Python objects at each snapshot, over the cycles or the snapshots."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._drawn: tuple[str, Sequence[float], Sequence[float], Sequence[str]] | None = None

    def show(
        self, title: str, x: Sequence[float], y: Sequence[float], ticks: Sequence[str]
    ) -> None:
        """Draw other points; ``ticks`` are their words below the axis."""
        self._drawn = (title, x, y, ticks)
        self.refresh()

    def render(self) -> RenderResult:
        """The plot, drawn anew each time: in the colours and the size that hold now."""
        self._draw()
        return super().render()

    def _color(self, ink: str) -> tuple[int, int, int]:
        color = self.ink(ink).color
        return (128, 128, 128) if color is None else tuple(color.get_truecolor())  # type: ignore[return-value]

    def _draw(self) -> None:
        if self._drawn is None:
            return
        title, x, y, ticks = self._drawn
        plt = self.plt
        plt.clear_figure()
        if len(x) > 1:
            plt.plot(list(x), list(y), marker="braille", color=self._color("name"))
            plt.scatter(list(x), list(y), marker="dot", color=self._color("mark"))
            plt.xticks(list(x), list(ticks))
            low, high = min(y), max(y)
            high += low == high
            levels = [low + (high - low) * i / (_LEVELS - 1) for i in range(_LEVELS)]
            plt.yticks(levels, [units.short_size(level) for level in levels])
        plt.frame(False)
        plt.title(title)
