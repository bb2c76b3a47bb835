"""The words below a plot."""

from __future__ import annotations

from collections.abc import Sequence


def axis(x: Sequence[float], ticks: Sequence[str], margin: int, width: int) -> str:
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
