"""What a finding is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakhunt.analysis.places import Series
    from leakhunt.analysis.sites import Site


class Verdict(StrEnum):
    """What we say of a finding, always with a reason."""

    LEAK = "LEAK"
    SUSPECT = "SUSPECT"
    NOT = "NOT"


class Category(StrEnum):
    """The mechanism that holds a leaked population."""

    LISTENER = "listener"
    TIMER = "timer"
    CLOSURE = "closure"
    CACHE = "cache"
    PENDING = "pending"
    STREAM = "stream"
    LOG = "log"
    CYCLE = "cycle"
    THREAD = "thread"
    CLASS = "class"
    COLLECTION = "collection"
    NATIVE = "native"
    FRAGMENTATION = "fragmentation"


@dataclass(frozen=True, slots=True)
class HolderInfo:
    """The accumulation point, named as a person would write it."""

    path: str
    """For instance ``shop.bus.BUS.listeners['tick']`` (grammar in docs/paths.md)."""
    type: str
    size_baseline: int | None
    """Number of entries; None when the holder has none or did not exist."""
    size_loaded: int | None
    size_final: int | None


@dataclass(frozen=True, slots=True)
class LeakedType:
    """How much of one type is in a leaked population."""

    type: str
    count: int
    shallow_bytes: int


@dataclass(frozen=True, slots=True)
class PathStep:
    """One edge of a retaining path, from the root downwards."""

    edge: str
    """The edge as written in a path: ``.listeners``, ``['tick']``, ``[*]``, ``(.next)*``."""
    kind: str
    """Edge kind in lower case: attr, value, index, local, cell, field, ..."""
    type: str
    """Type of the node the edge leads to."""


@dataclass(frozen=True, slots=True)
class WorkerShare:
    """In how many processes of a family one leak was found."""

    count: int
    of: int
    pids: tuple[int, ...]
    """Those it was found in, ascending."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One leaked population with its holder, verdict and evidence."""

    rank: int
    fingerprint: str
    """16 hex digits over category, holder path and the type that names the leak: the same leak
    has the same fingerprint in every run."""
    category: Category
    verdict: Verdict
    reason: str
    """Why this verdict, one sentence."""
    confidence: float
    """0 to 1."""
    title: str
    """One sentence for people."""
    holder: HolderInfo
    leaked: tuple[LeakedType, ...]
    """Largest first (by bytes)."""
    count_per_cycle: float | None
    """Objects directly held by the holder, per cycle; None when the cycles are not known."""
    bytes_per_cycle: float | None
    """Shallow bytes of the whole leaked population, per cycle."""
    retained_bytes: int | None
    """Freed if the directly held leaked objects went; None when not computed."""
    exclusive_bytes: int | None
    """Freed if only this holder let go of them; None when not computed."""
    retaining_path: tuple[PathStep, ...]
    co_holders: tuple[HolderInfo, ...] = ()
    """Other holders that each must let go as well."""
    sites: tuple[Site, ...] = ()
    """Where it was made, the most bytes first; then where its functions, coroutines and classes
    are written.  Sums over the processes, when several were hunted."""
    evidence: tuple[str, ...] = ()
    advice: str = ""
    known: str | None = None
    """Why the leak is accepted (``leakhunt accept``), when it is: shown, but no alarm."""
    noise: str | None = None
    """Why it is ranked lower, when it is (import caches, linecache ...)."""
    node_ids: tuple[int, ...] = field(default=())
    """Some directly held leaked nodes (ids in the final snapshot; of the process where the leak
    is largest, when several were hunted).  None of garbage: it is in the loaded snapshot only."""
    shared_bytes: int | None = None
    """Its part of what is freed when all findings let go: an object that several of them reach
    counts for each in equal parts; None when not computed."""
    grown: Series | None = None
    """What the verdict rests on, when that is the growth in the two windows alone.  Not part of
    a report: it is there for what is judged over several processes."""
    workers: WorkerShare | None = None
    """When several processes were hunted: all numbers are then sums over those that leak."""

    @property
    def shallow_bytes(self) -> int:
        """Of the whole leaked population; what is older and hangs from it does not count."""
        return sum(leaked.shallow_bytes for leaked in self.leaked)
