"""What the plots have in common: plotext finds the dots, and we draw them in inks of the theme.

Textual's widget for plotext goes through escape codes and the parts of a text: three times the
time of the plot itself, at every look at a process.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from rich.segment import Segment
from textual.strip import Strip
from textual_plotext.plot import Plot as Figure

from leakhunt.tui.widgets.inked import Inked

_POINT: Final = "•"
_BRAILLE: Final = ("\u2800", "\u28ff")


class Plot(Inked):
    """Lines of text that are worked out when the values or the size change, and kept."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._figure = Figure()
        self._figure.frame(False)
        self._figure.xticks([], [])
        self._figure.theme("clear")
        self._lines: Sequence[str] | None = None

    def lines(self, width: int, height: int) -> Sequence[str]:
        """The lines in this size, at least one cell wide."""
        raise NotImplementedError

    def redraw(self) -> None:
        """The values changed."""
        self._lines = None
        self.refresh()

    def on_resize(self) -> None:
        """So did the size."""
        self.redraw()

    def notify_style_update(self) -> None:
        """Another theme: other inks."""
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line: the curve and its points in ink, words plain."""
        width, base = self.size.width, self.rich_style
        if self._lines is None:
            self._lines = self.lines(width, self.size.height) if width else ()
        text = self._lines[y] if y < len(self._lines) else ""
        segments = [
            Segment("".join(letters), base + self.ink(ink) if ink else base)
            for ink, letters in groupby(text, key=_ink)
        ]
        return Strip(segments).adjust_cell_length(width, base)

    def drawn(
        self,
        title: str,
        y_words: tuple[Sequence[float], Sequence[str]],
        x_words: tuple[Sequence[float], Sequence[str]],
        size: tuple[int, int],
    ) -> list[str]:
        """The lines of the figure, the title above and the words of the axis below.

        What is plotted was given to the figure before; it forgets it.
        """
        (width, height), figure = size, self._figure
        figure.title(title)
        figure.yticks(list(y_words[0]), list(y_words[1]))
        # Not by plotsize, which draws nothing beyond the size that the terminal had at first.
        figure._set_size(width, height - 1)  # noqa: SLF001
        lines: list[str] = figure.uncolorize(figure.build()).rstrip("\n").split("\n")
        figure.clear_data()
        margin = max((len(word) for word in y_words[1]), default=0)
        return [*lines, _axis(*x_words, margin, width) if len(x_words[0]) > 1 else ""]


def _ink(letter: str) -> str:
    if letter == _POINT:
        return "mark"
    return "name" if _BRAILLE[0] <= letter <= _BRAILLE[1] else ""


def _axis(x: Sequence[float], ticks: Sequence[str], margin: int, width: int) -> str:
    """The words below the axis, each at its place: plotext places them as its hashes fall."""
    line = " " * margin
    for at, word in zip(x, ticks, strict=True):
        place = margin + round((at - x[0]) / (x[-1] - x[0]) * (width - margin - 1))
        start = min(
            max(place - len(word) // 2, len(line) + (line.strip() != "")), width - len(word)
        )
        if word and start >= len(line):
            line = line.ljust(start) + word
    return line
