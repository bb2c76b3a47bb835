"""What a chain is walked from: one object, or a whole leaked population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.merged_paths import MergedPath

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Subject:
    """One stop of the walk."""

    node: int
    """The object; -1 for a population."""
    title: str
    """A word for the breadcrumbs; raw."""
    fingerprint: str = ""
    """Of the finding whose population it is."""

    @property
    def is_population(self) -> bool:
        """Is it many objects?"""
        return self.node < 0


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """A leaked population and who keeps it."""

    nodes: Ints
    """Largest retained size first."""
    bytes: int
    retained_bytes: int
    paths: tuple[MergedPath, ...]
    """Shortest retaining paths, merged; most objects first."""
    unkept: int
    """Members that nothing keeps once the ignored retainers are left out."""


class History:
    """Where the walk has been: back and forward, as in a browser."""

    def __init__(self) -> None:
        self._stops: list[Subject] = []
        self._at = -1

    @property
    def current(self) -> Subject | None:
        """Where it is now."""
        return self._stops[self._at] if self._at >= 0 else None

    @property
    def crumbs(self) -> list[Subject]:
        """The way to here."""
        return self._stops[: self._at + 1]

    def go(self, stop: Subject) -> None:
        """On to another stop; what was ahead is forgotten."""
        if stop != self.current:
            self._stops[self._at + 1 :] = [stop]
            self._at += 1

    def back(self) -> bool:
        """One stop back; False at the beginning."""
        can = self._at > 0
        self._at -= can
        return can

    def forward(self) -> bool:
        """One stop forward; False at the end."""
        can = self._at + 1 < len(self._stops)
        self._at += can
        return can
