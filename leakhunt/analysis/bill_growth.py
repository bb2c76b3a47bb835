"""Whose memory is it that grows: two bills of one process, compared.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from leakhunt.analysis import bill as names
from leakhunt.analysis.bill import Bill

SMALL_BYTES: Final = 1 << 20
"""A process grows by less than this for reasons of its own: arenas, stacks, pages touched late."""
SHARE: Final = 0.1
"""A cause below this part of the growth is not named."""
MAIN_SHARE: Final = 2 / 3
"""A cause with this part of the growth stands for all of it."""


class Cause(StrEnum):
    """What a process grows by."""

    PYTHON = "Python objects"
    """Live ones, and garbage that waits for the collector."""
    FREE = "held free by the allocator"
    NATIVE = "native growth"
    """Given out by malloc or mapped, owned by no Python object."""
    FILES = "mapped files"
    THREADS = "threads"
    """Their stacks."""
    UNKNOWN = "not known"
    """No counter accounts for it."""


_PARTS: Final = {
    Cause.PYTHON: (names.LIVE, names.GARBAGE),
    Cause.FREE: (names.FREE,),
    Cause.NATIVE: (names.NATIVE, names.MAPPED),
    Cause.FILES: (names.FILES,),
    Cause.THREADS: (names.STACKS,),
    Cause.UNKNOWN: (names.UNEXPLAINED,),
}


@dataclass(frozen=True, slots=True)
class CauseGrowth:
    """What one cause adds."""

    cause: Cause
    bytes: int


@dataclass(frozen=True, slots=True)
class BillGrowth:
    """How the resident memory grew, and by what."""

    rss_bytes: int
    """Of the process; what leakhunt itself needs is left out."""
    causes: tuple[CauseGrowth, ...]
    """All of them, the largest first; their sum is ``rss_bytes``."""
    unknown: tuple[str, ...]
    """What cannot be told apart and why."""

    @property
    def is_growth(self) -> bool:
        """Whether it grew by enough to ask for a cause."""
        return self.rss_bytes >= SMALL_BYTES

    @property
    def main(self) -> tuple[CauseGrowth, ...]:
        """The causes that are named: the first alone when it is most of the growth."""
        if not self.is_growth:
            return ()
        first = self.causes[0]
        if first.bytes >= MAIN_SHARE * self.rss_bytes:
            return (first,)
        return tuple(one for one in self.causes if one.bytes >= SHARE * self.rss_bytes)


def growth_of(before: Bill, after: Bill) -> BillGrowth:
    """The growth from one bill to the other.

    A part that one of them does not know is part of what is not known: nothing is guessed.
    """
    known = {
        part: (b, a)
        for part in names.PARTS
        if (b := before.part(part)) is not None and (a := after.part(part)) is not None
    }
    own = known.get(names.OWN, (0, 0))
    rss = after.rss_bytes - before.rss_bytes - (own[1] - own[0])
    found: dict[Cause, int] = {
        cause: sum(known[part][1] - known[part][0] for part in parts if part in known)
        for cause, parts in _PARTS.items()
        if cause is not Cause.UNKNOWN
    }
    found[Cause.UNKNOWN] = rss - sum(found.values())
    causes = sorted(found.items(), key=lambda one: -one[1])
    unknown = tuple(dict.fromkeys((*before.unknown, *after.unknown)))
    return BillGrowth(rss, tuple(CauseGrowth(*one) for one in causes), unknown)
