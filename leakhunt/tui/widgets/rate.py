"""A plot of memory over the cycles of a hunt."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import RenderResult
from textual_plotext import PlotextPlot

from leakhunt.report import units
from leakhunt.tui.widgets.axis import axis
from leakhunt.tui.widgets.inked import Inked

_LEVELS = 3
_LEAST_LINES = 3


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
        if self._drawn is None or self.size.height < _LEAST_LINES:
            return ""
        title, x, y, ticks = self._drawn
        levels = _levels(y)
        plt = self.plt
        plt.clear_figure()
        if len(x) > 1:
            plt.plot(list(x), list(y), marker="braille", color=self._color("name"))
            plt.scatter(list(x), list(y), marker="dot", color=self._color("mark"))
            plt.yticks(levels, [units.short_size(level) for level in levels])
        plt.xticks([], [])
        plt.frame(False)
        plt.title(title)
        plt.theme("clear")  # of no colour of its own: the text and the ground are the widget's
        plt.plotsize(self.size.width, self.size.height - 1)
        margin = max((len(units.short_size(level)) for level in levels), default=0)
        words = axis(x, ticks, margin, self.size.width) if len(x) > 1 else ""
        return Text.from_ansi(plt.build().rstrip("\n")).append(f"\n{words}")

    def _color(self, ink: str) -> tuple[int, int, int]:
        color = self.ink(ink).color
        return (128, 128, 128) if color is None else tuple(color.get_truecolor())  # type: ignore[return-value]


def _levels(y: Sequence[float]) -> list[float]:
    """Where the words of the vertical axis are."""
    if not y:
        return []
    low, high = min(y), max(y)
    high += low == high
    return [low + (high - low) * i / (_LEVELS - 1) for i in range(_LEVELS)]
