"""The answer to a what-if question, as data."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.analysis.whatif import CutReference, WhatIf

WHATIF_SCHEMA = "leakhunt.whatif/1"


@dataclass(frozen=True, slots=True)
class AskedFinding:
    """The finding that was asked about."""

    rank: int
    fingerprint: str
    title: str
    holder: str
    """Path of its holder."""


@dataclass(frozen=True, slots=True)
class SmallestCut:
    """The fewest references whose removal frees something."""

    of: str
    """What it frees, in words."""
    references: tuple[CutReference, ...]
    """Empty when it is not known."""
    why_not: str | None
    """Why it is not known."""
    freed_bytes: int | None
    freed_objects: int | None


@dataclass(frozen=True, slots=True)
class WhatIfReport:
    """What would happen if references of a snapshot went."""

    snapshot: str
    """The file."""
    heap_objects: int
    heap_bytes: int
    """Shallow bytes of all objects in it."""
    finding: AskedFinding | None
    consequences: WhatIf
    smallest: SmallestCut | None
    """None when the references given free all they lead to."""
