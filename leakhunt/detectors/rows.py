"""The rows of which knowledge of libraries is made: data, matched against a suspect.

``advice`` may name ``{path}`` (of the holder), ``{owner}`` (of the object that owns it),
``{key}`` (the last literal key on the way from there, quoted), ``{first_key}`` (the first one),
``{type}`` (what leaks) and ``{when}`` (``when the `shop.Session` it belongs to ends``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from leakhunt.detectors.base import Category
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.ended import Ended
from leakhunt.detectors.stream import is_closed
from leakhunt.detectors.suspect import MOST, Suspect
from leakhunt.graph.heap_graph import HeapGraph


@dataclass(frozen=True, slots=True)
class Kind:
    """Objects of these types (or subclasses), wherever they gather."""

    category: Category
    types: frozenset[str]
    advice: str
    noun: str | None = None
    ended: Ended | None = None
    """Tells those that are closed or done: kept, but not the leak this row speaks of."""

    def claim(self, s: Suspect) -> Claim | None:
        """The claim, when most of the objects are of the kind and have not ended."""
        if not s.mostly(self.types):
            return None
        ended = sum(self._has_ended(s.graph, node) for node in s.objects)
        return _claim(self, s) if ended <= MOST * len(s.objects) else None

    def inside(self, s: Suspect, claim: Claim) -> Claim | None:
        """The claim of a mechanism in the words of this row, when each of the objects keeps one
        of its kind: a client with its session, a handle with the job it runs."""
        if claim.category is not self.category or not s.has_each(self.types):
            return None
        named = _claim(self, s)
        return replace(claim, advice=named.advice, noun=named.noun)

    def _has_ended(self, graph: HeapGraph, node: int) -> bool:
        if is_closed(graph, node):
            return True
        return self.ended is not None and self.ended(graph, node)


@dataclass(frozen=True, slots=True)
class Registry:
    """What an object of a library keeps inside: ``owner`` by type, then the path from it."""

    category: Category
    owner: frozenset[str]
    inside: tuple[str, ...]
    """Beginnings of the path from the owner; an empty one stands for any."""
    advice: str
    noun: str | None = None
    of: frozenset[str] = frozenset()
    """Types of most of what is kept there; none stands for any."""
    wrong_though_bounded: str | None = None
    """Why it should not be kept at all, where the library bounds it."""

    def claim(self, s: Suspect) -> Claim | None:
        """The claim, when the holder belongs to such an owner."""
        owner = s.owner
        if owner is None or not s.is_kind(owner.node, self.owner):
            return None
        inside = "".join(step.text for step in owner.inside)
        if not inside.startswith(self.inside) or (self.of and not s.mostly(self.of)):
            return None
        return replace(_claim(self, s), wrong_though_bounded=self.wrong_though_bounded)


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


@dataclass(frozen=True, slots=True)
class Remark:
    """What else to know of objects of these types; says nothing of the mechanism."""

    types: frozenset[str]
    advice: str

    def applies(self, s: Suspect) -> bool:
        """Are most of the objects of the kind?"""
        return s.mostly(self.types)


Row = Kind | Registry | Spot


def _claim(row: Row, s: Suspect) -> Claim:
    owner = s.owner
    words = {
        "path": s.path,
        "owner": s.path if owner is None else owner.path,
        "key": (owner and owner.key) or "...",
        "first_key": (owner and owner.first_key) or "...",
        "type": s.holder.main_type,
        "when": s.when_done,
    }
    speaks = row.category in (Category.LISTENER, Category.TIMER, Category.CLOSURE)
    evidence = s.functions() if speaks else ()
    return Claim(row.category, row.advice.format(**words), evidence, noun=row.noun)
