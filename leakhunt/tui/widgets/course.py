"""A figure over the last minutes, as a moving plot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.text import Text
from textual.app import RenderResult
from textual_plotext import PlotextPlot

from leakhunt.tui.widgets.axis import axis
from leakhunt.tui.widgets.inked import Inked

_LEAST_SPAN_S: Final = 60.0
_LEVELS: Final = 3
_LEAST_LINES: Final = 4


class CoursePlot(PlotextPlot, Inked):
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
        self.refresh()

    def render(self) -> RenderResult:
        """The plot, drawn anew each time: in the colours and the size that hold now."""
        width, height = self.size
        if not self._values or height < _LEAST_LINES:
            now = self._words(self._values[-1]) if self._values else self._why_not
            return Text(f"{self._title}  {now}".center(width))
        span = max(-self._seconds[0], _LEAST_SPAN_S)
        # A level a line, the title and the axis left out: of two in one line any could be drawn.
        levels = self._levels(min(_LEVELS, height - 2))
        words = self._labels(levels)
        plt = self.plt
        plt.clear_figure()
        plt.plot(
            list(self._seconds), list(self._values), marker="braille", color=self._color("name")
        )
        plt.xlim(-span, 0)
        plt.ylim(levels[0], levels[-1])
        plt.yticks(levels, words)
        plt.xticks([], [])
        plt.frame(False)
        plt.title(f"{self._title}  {self._words(self._values[-1])}")
        plt.theme("clear")  # of no colour of its own: the text and the ground are the widget's
        plt.plotsize(width, height - 1)
        margin = max(len(word) for word in words)
        ticks = (_ago(span), _ago(span / 2), "now")
        below = axis((-span, -span / 2, 0), ticks, margin, width)
        return Text.from_ansi(plt.build().rstrip("\n")).append(f"\n{below}")

    def _color(self, ink: str) -> tuple[int, int, int]:
        color = self.ink(ink).color
        return (128, 128, 128) if color is None else tuple(color.get_truecolor())  # type: ignore[return-value]

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


def _ago(seconds: float) -> str:
    return f"-{seconds:.0f} s" if seconds < 120 else f"-{seconds / 60:.0f} min"
