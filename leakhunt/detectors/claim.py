"""What a detector says of a suspect."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.detectors.base import Category


@dataclass(frozen=True, slots=True)
class Claim:
    """The mechanism, its proof, and the call that ends it."""

    category: Category
    advice: str
    """One or two sentences for people; names the concrete call."""
    evidence: tuple[str, ...] = ()
    """Facts of the graph that prove the mechanism, one line each."""
    wrong_though_bounded: str | None = None
    """Why it should not be kept at all, where a library bounds it: then SUSPECT, not NOT."""
    goes_by_itself: str | None = None
    """Why it stops growing, or shrinks, without a fix: then NOT."""
    noun: str | None = None
    """What the title calls it, when the category's own word is too vague."""
