"""A figure over the last minutes, as a moving plot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from textual_plotext import PlotextPlot

_LEAST_SPAN_S: Final = 60.0
_TICKS: Final = 3


class CoursePlot(PlotextPlot):
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
        self.show([], [], "waiting")

    def show(self, seconds: Sequence[float], values: Sequence[float], why_not: str = "") -> None:
        """Draw other values over seconds before now; without any, say why."""
        plt = self.plt
        plt.clear_figure()
        if values:
            self._draw(list(seconds), list(values))
            plt.title(f"{self._title}  {self._words(values[-1])}")
        else:
            plt.title(f"{self._title}: {why_not}")
        plt.frame(False)
        self.refresh()

    def _draw(self, seconds: list[float], values: list[float]) -> None:
        plt = self.plt
        span = max(-seconds[0], _LEAST_SPAN_S)
        low = 0.0 if self._is_from_zero else min(values)
        high = max(values)
        if high - low < abs(high) * 0.01 or high == low:  # noise is no news
            margin = max(abs(high) * 0.01, 1e-3)
            low, high = (low if self._is_from_zero else low - margin), high + margin
        plt.plot(seconds, values, marker="braille")
        plt.xlim(-span, 0)
        plt.ylim(low, high)
        levels = [low + (high - low) * i / (_TICKS - 1) for i in range(_TICKS)]
        plt.yticks(levels, self._labels(levels))
        plt.xticks([-span, -span / 2, 0], [_ago(span), _ago(span / 2), "now"])

    def _labels(self, levels: list[float]) -> list[str]:
        """Words that differ: above the lowest level what is more, where they would be the same."""
        words = [self._words(level) for level in levels]
        if len(set(words)) == len(words):
            return words
        lowest = levels[0]
        return [words[0], *(f"+{self._words(level - lowest)}" for level in levels[1:])]


def _ago(seconds: float) -> str:
    return f"-{seconds:.0f} s" if seconds < 120 else f"-{seconds / 60:.0f} min"
