"""The rows of which knowledge of libraries is made: data, matched against a suspect.

``advice`` may name ``{path}`` (of the holder), ``{owner}`` (of the object that owns it),
``{key}`` (the literal key on the way, quoted) and ``{type}`` (what leaks).
"""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.detectors.base import Category
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.suspect import Suspect


@dataclass(frozen=True, slots=True)
class Kind:
    """Objects of these types (or subclasses), wherever they gather."""

    category: Category
    types: frozenset[str]
    advice: str
    noun: str | None = None

    def claim(self, s: Suspect) -> Claim | None:
        """The claim, when most of the objects are of the kind."""
        return _claim(self, s) if s.mostly(self.types) else None


@dataclass(frozen=True, slots=True)
class Registry:
    """What an object of a library keeps inside: ``owner`` by type, then the path from it."""

    category: Category
    owner: frozenset[str]
    inside: tuple[str, ...]
    """Beginnings of the path from the owner; an empty one stands for any."""
    advice: str
    noun: str | None = None

    def claim(self, s: Suspect) -> Claim | None:
        """The claim, when the holder belongs to such an owner."""
        owner = s.owner
        if owner is None or not s.is_kind(owner.node, self.owner):
            return None
        inside = "".join(step.text for step in owner.inside)
        return _claim(self, s) if inside.startswith(self.inside) else None


@dataclass(frozen=True, slots=True)
class Spot:
    """One place of a library, by the beginning of its path."""

    category: Category
    paths: tuple[str, ...]
    advice: str
    noun: str | None = None

    def claim(self, s: Suspect) -> Claim | None:
        """The claim, when the holder is there."""
        return _claim(self, s) if s.path.startswith(self.paths) else None


Row = Kind | Registry | Spot


def _claim(row: Row, s: Suspect) -> Claim:
    owner = s.owner
    words = {
        "path": s.path,
        "owner": s.path if owner is None else owner.path,
        "key": "..." if owner is None or owner.key is None else owner.key,
        "type": s.holder.main_type,
    }
    return Claim(row.category, row.advice.format(**words), noun=row.noun)
