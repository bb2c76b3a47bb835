"""What a user adds to the detectors: the names a rules file imports.

from leakhunt.detectors.rules import Category, Claim, Kind, Registry, Spot, Suspect

ROWS = [Kind(Category.STREAM, frozenset({"shop.Cursor"}), "Call `cursor.release()`.")]

def examine(suspect: Suspect) -> Claim | None:
...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from leakhunt.detectors.base import Category
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.rows import Kind, Registry, Row, Spot
from leakhunt.detectors.suspect import Suspect

__all__ = [
    "NO_RULES",
    "Category",
    "Claim",
    "Detector",
    "Kind",
    "NamedDetector",
    "Registry",
    "Row",
    "Rules",
    "Spot",
    "Suspect",
]

Detector = Callable[[Suspect], Claim | None]


@dataclass(frozen=True, slots=True)
class NamedDetector:
    """A user's function and where it comes from."""

    name: str
    examine: Detector


@dataclass(frozen=True, slots=True)
class Rules:
    """Rows and detectors of a user; asked before our own."""

    rows: tuple[Row, ...] = ()
    detectors: tuple[NamedDetector, ...] = ()
    problems: dict[str, str] = field(default_factory=dict)
    """What a detector raised, by its name: the hunt goes on without it and says so."""

    def claim(self, suspect: Suspect) -> Claim | None:
        """What the first of them says."""
        for detector in self.detectors:
            claim = self._ask(detector, suspect)
            if claim is not None:
                return claim
        return next((c for row in self.rows if (c := row.claim(suspect)) is not None), None)

    def _ask(self, detector: NamedDetector, suspect: Suspect) -> Claim | None:
        if detector.name in self.problems:
            return None
        try:
            claim: object = detector.examine(suspect)
        except Exception as exc:  # noqa: BLE001  somebody else's code must not end the hunt
            self.problems[detector.name] = f"{type(exc).__name__}: {exc}"
            return None
        if claim is None or isinstance(claim, Claim):
            return claim
        self.problems[detector.name] = f"it returned {type(claim).__name__}, not a Claim"
        return None


NO_RULES = Rules()
