"""A test of a watched suite that was looked at more closely.  Loaded when there is one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from leakhunt.detectors.base import Finding


class Outcome(StrEnum):
    """What became of a test that was looked at more closely."""

    LEAK = "leak"
    """Repeated: its cycles leave objects behind."""
    KNOWN = "known"
    """The same, but all of it is accepted."""
    SUSPECT = "suspect"
    """Repeated: something still grows, but that it is a leak is not proven."""
    CLEARED = "cleared"
    """Repeated: what it left the first time was left once."""
    LEFT = "left"
    """Run once: it left something behind, which may be a cache."""


@dataclass(frozen=True)
class Left:
    """Objects that outlived a test that ran once, by who holds them."""

    type: str
    count: int
    bytes: int
    """Their shallow bytes."""
    holder: str


class WatchedTest(NamedTuple):
    """One test that left something behind."""

    test: str
    """Its node id."""
    outcome: Outcome
    file: str
    """Relative to the root of the run."""
    line: int | None
    """Of the test, from 1."""
    objects: int
    """That it left in its first run, as far as the collector tracks them."""
    blocks: int
    """Allocated blocks of any kind, likewise."""
    cycles: int | None = None
    """How often it was repeated; None when it was not."""
    is_thawed: bool = False
    """It called the collector itself: only blocks were counted."""
    findings: tuple[Finding, ...] = ()
    """Of the repetition, those that count; worst first."""
    left: tuple[Left, ...] = ()
    """When it was not repeated: what is still there at the end of the run."""
    notes: tuple[str, ...] = ()
    """What else grew and does not count, and why."""
