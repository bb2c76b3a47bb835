"""A plot of memory over the cycles of a hunt."""

from __future__ import annotations

from collections.abc import Sequence

from leakhunt.report import units
from leakhunt.tui.widgets.plot import Plot

_LEVELS = 3
_LEAST_LINES = 3


class RatePlot(Plot):
    """Bytes of Python objects at each snapshot, over the cycles or the snapshots."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._shown: tuple[str, Sequence[float], Sequence[float], Sequence[str]] | None = None

    def show(
        self, title: str, x: Sequence[float], y: Sequence[float], ticks: Sequence[str]
    ) -> None:
        """Draw other points; ``ticks`` are their words below the axis."""
        self._shown = (title, x, y, ticks)
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[str]:
        """The points, and a line through them."""
        if self._shown is None or height < _LEAST_LINES:
            return ()
        title, x, y, ticks = self._shown
        if len(x) < 2:
            return (title.center(width),)
        levels = _levels(y)
        self._figure.plot(list(x), list(y), marker="braille", color="default")
        self._figure.scatter(list(x), list(y), marker="dot", color="default")
        words = [units.size(level) for level in levels]
        return self.drawn(title, (levels, words), (x, ticks), (width, height))


def _levels(y: Sequence[float]) -> list[float]:
    """Where the words of the vertical axis are."""
    low, high = min(y), max(y)
    high += low == high
    return [low + (high - low) * i / (_LEVELS - 1) for i in range(_LEVELS)]
