"""What a use case says while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a use case."""

    phase: str
    """For instance ``load``; the same word for all steps of a phase."""
    done: int | None = None
    total: int | None = None
    message: str = ""


OnProgress = Callable[[Progress], None]


def ignore_progress(_: Progress) -> None:
    """For callers that do not want to hear of it."""
