"""One line of code."""

from __future__ import annotations

from dataclasses import dataclass

UNNAMED = "?"
"""A function or file whose name is not known: tracemalloc knows no functions."""


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A function and a line of it."""

    function: str
    file: str
    line: int | None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return place if self.function == UNNAMED else f"{self.function} ({place})"
