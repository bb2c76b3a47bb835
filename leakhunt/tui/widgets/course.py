"""A figure over the last minutes, as a moving plot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final

from leakhunt.tui.widgets.plot import Plot

_LEAST_SPAN_S: Final = 60.0
_LEVELS: Final = 3
_LEAST_LINES: Final = 4


class CoursePlot(Plot):
    """One line; its title says what it is and what it is now."""

    def __init__(
        self,
        title: str,
        words: Callable[[float], str],
        *,
        is_from_zero: bool = False,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._title, self._words, self._is_from_zero = title, words, is_from_zero
        self._seconds: Sequence[float] = ()
        self._values: Sequence[float] = ()
        self._why_not = "waiting"

    def show(self, seconds: Sequence[float], values: Sequence[float], why_not: str = "") -> None:
        """Draw other values over seconds before now; without any, say why."""
        self._seconds, self._values, self._why_not = seconds, values, why_not
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[str]:
        """The course; in too few lines, or of nothing, only the title."""
        if not self._values or height < _LEAST_LINES:
            now = self._words(self._values[-1]) if self._values else self._why_not
            return (f"{self._title}  {now}".center(width),)
        span = max(-self._seconds[0], _LEAST_SPAN_S)
        # A level a line, the title and the axis left out: of two in one line any could be drawn.
        levels = self._levels(min(_LEVELS, height - 2))
        seconds, values = thinned(self._seconds, self._values, 2 * width)
        figure = self._figure
        figure.plot(seconds, values, marker="braille", color="default")
        figure.xlim(-span, 0)
        figure.ylim(levels[0], levels[-1])
        title = f"{self._title}  {self._words(self._values[-1])}"
        ago = ((-span, -span / 2, 0), (_ago(span), _ago(span / 2), "now"))
        return self.drawn(title, (levels, self._labels(levels)), ago, (width, height))

    def _levels(self, count: int) -> list[float]:
        """Where the words of the vertical axis are."""
        low = 0.0 if self._is_from_zero else min(self._values)
        high = max(self._values)
        if high - low < abs(high) * 0.01 or high == low:  # noise is no news
            margin = max(abs(high) * 0.01, 1e-3)
            low, high = (low if self._is_from_zero else low - margin), high + margin
        return [low + (high - low) * i / (count - 1) for i in range(count)]

    def _labels(self, levels: list[float]) -> list[str]:
        """Words that differ: above the lowest level what is more, where they would be the same."""
        words = [self._words(level) for level in levels]
        if len(set(words)) == len(words):
            return words
        return [words[0], *(f"+{self._words(level - levels[0])}" for level in levels[1:])]


def thinned(
    seconds: Sequence[float], values: Sequence[float], most: int
) -> tuple[list[float], list[float]]:
    """The lowest and the highest of each of ``most`` spans of time, in their order: what a plot of
    that many cells shows of all.  O(values)."""
    points = list(zip(seconds, values, strict=True))
    if len(points) > 2 * most:
        width_s = (points[-1][0] - points[0][0]) / most or 1.0
        spans = groupby(points, key=lambda point: (point[0] - points[0][0]) // width_s)
        kept = []
        for _, span in spans:
            here = list(span)
            low, high = min(here, key=lambda p: p[1]), max(here, key=lambda p: p[1])
            kept += sorted({low, high})
        points = kept
    return [at for at, _ in points], [value for _, value in points]


def _ago(seconds: float) -> str:
    return f"-{seconds:.0f} s" if seconds < 120 else f"-{seconds / 60:.0f} min"
