"""Collections: growing containers that fit nothing more particular."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.suspect import Suspect


def examine(s: Suspect) -> Claim:
    """Always: the last word when no other detector spoke."""
    return Claim(Category.COLLECTION, _advice(s))


def _advice(s: Suspect) -> str:
    done = "they are done with" if s.subject is None else f"their {s.subject} is done with"
    return f"Remove entries from `{s.path}` when {done}, or bound it (`deque(maxlen=...)`)."
