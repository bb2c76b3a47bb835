"""What the agent in a live process answers.

The answers come from the target, so nothing in them is believed further than its type.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from leakhunt.errors import TargetError

T = TypeVar("T", int, str, bool)


class Answer:
    """The members of one answer, each checked for its type as it is taken."""

    def __init__(self, members: dict[str, Any]) -> None:
        self._members = members

    def take(self, name: str, kind: type[T], default: T | None = None) -> T:
        """One member.  Raises TargetError when it is missing or is something else."""
        value = self._members.get(name, default)
        if type(value) is not kind:
            raise TargetError(f"the agent's answer has no proper member {name!r}: {value!r:.80}")
        return value

    def has(self, name: str) -> bool:
        """Whether there is such a member."""
        return name in self._members

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; what is no string is left out."""
        values = self._members.get(name)
        return tuple(v for v in values if type(v) is str) if type(values) is list else ()

    def numbers(self, name: str, count: int | None = None) -> tuple[int, ...]:
        """A list of whole numbers, ``count`` of them.  Raises TargetError when it is not."""
        values = self._members.get(name)
        if type(values) is not list or any(type(value) is not int for value in values):
            raise TargetError(f"the agent's answer has no proper list {name!r}: {values!r:.80}")
        if count is not None and len(values) != count:
            raise TargetError(f"the agent's answer has {len(values)} of {count} numbers {name!r}")
        return tuple(values)


@dataclass(frozen=True, slots=True)
class Hello:
    """Who answers."""

    version: int
    """Of the wire protocol."""
    hexversion: int
    pid: int
    """As the target sees itself: in a container another number than ours."""
    tid: int
    """The agent's thread."""
    uid: int
    start_ticks: int
    """When the process started, in clock ticks since boot; 0 without /proc."""
    boot_id: str
    threads: int
    """Of the target, the agent's left out."""
    is_debug: bool
    is_prepared: bool
    """The process awaits clients by itself: the agent's thread stays."""
    has_births: bool
    """Births are tracked already, by this client or by the program itself."""
    library: str
    """The agent's file, as it was loaded."""

    @classmethod
    def of(cls, a: Answer) -> Hello:
        """Raises TargetError when the answer is not one."""
        return cls(
            version=a.take("version", int),
            hexversion=a.take("hexversion", int),
            pid=a.take("pid", int),
            tid=a.take("tid", int),
            uid=a.take("uid", int),
            start_ticks=a.take("start_ticks", int),
            boot_id=a.take("boot_id", str),
            threads=a.take("threads", int),
            is_debug=a.take("is_debug", bool),
            is_prepared=a.take("is_prepared", bool),
            has_births=a.take("has_births", bool),
            library=a.take("library", str, ""),
        )


@dataclass(frozen=True, slots=True)
class Births:
    """How births are tracked, in the words of a snapshot's header."""

    method: str
    exact: bool
    inferred_types: tuple[str, ...]
    note: str

    @classmethod
    def of(cls, a: Answer) -> Births:
        """Raises TargetError when the answer is not one."""
        return cls(a.take("method", str), a.take("exact", bool), a.texts("inferred_types"),
                   a.take("note", str))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left in the target of what was hooked."""

    restored: bool
    note: str
    """Why not all was put back; empty when it was."""

    @classmethod
    def of(cls, a: Answer) -> Rest:
        """Raises TargetError when the answer is not one."""
        return cls(a.take("restored", bool), a.take("note", str))


@dataclass(frozen=True, slots=True)
class SitesStarted:
    """How allocation sites are watched from now on."""

    source: str
    """``sampled``; ``tracemalloc`` when that traces there already: nothing was switched on, and
    snapshots tell its traces."""
    sample_bytes: int
    """Mean distance of samples; 0 when nothing was switched on."""
    reuse: int
    """Of objects that come back from free lists: 0 nothing is known, 1 that they are others,
    2 where they were made."""

    @classmethod
    def of(cls, a: Answer) -> SitesStarted:
        """Raises TargetError when the answer is not one."""
        source = a.take("source", str)
        if source != "sampled":
            return cls(source, 0, 0)
        return cls(source, a.take("sample_bytes", int), a.take("reuse", int))


@dataclass(frozen=True, slots=True)
class Prediction:
    """How long a capture would pause the target, and why."""

    walk_ns: int
    fork_ns: int
    fork_refused: str
    """Why a fork would do harm; empty when it would not."""
    anonymous_bytes: int
    """Resident, shared by a fork page by page."""
    huge_bytes: int
    """Of these, in huge pages."""

    @classmethod
    def of(cls, a: Answer) -> Prediction:
        """Raises TargetError when the answer is not one."""
        return cls(
            walk_ns=a.take("predicted_walk_ns", int),
            fork_ns=a.take("predicted_fork_ns", int),
            fork_refused=a.take("fork_refused", str),
            anonymous_bytes=a.take("anonymous_bytes", int),
            huge_bytes=a.take("huge_bytes", int),
        )


@dataclass(frozen=True, slots=True)
class LiveMeasure:
    """The state of a live process; zero where /proc is missing."""

    rss_bytes: int
    blocks: int
    """Given out by the object allocator (``sys.getallocatedblocks``)."""
    threads: int
    descriptors: int
    """Threads and descriptors of the target, the agent's left out."""
    gc_enabled: bool
    gc_collecting: bool
    gc_young: int
    """Allocations less deallocations since the youngest generation was collected."""
    gc_frozen: int
    """Objects in the permanent generation, counted to 100,000."""
    has_births: bool
    predicted: Prediction | None
    """Only when asked for."""

    @classmethod
    def of(cls, a: Answer) -> LiveMeasure:
        """Raises TargetError when the answer is not one."""
        return cls(
            rss_bytes=a.take("rss_bytes", int),
            blocks=a.take("blocks", int),
            threads=a.take("threads", int),
            descriptors=a.take("descriptors", int),
            gc_enabled=a.take("gc_enabled", bool),
            gc_collecting=a.take("gc_collecting", bool),
            gc_young=a.take("gc_young", int),
            gc_frozen=a.take("gc_frozen", int),
            has_births=a.take("has_births", bool),
            predicted=Prediction.of(a) if a.has("predicted_walk_ns") else None,
        )


@dataclass(frozen=True, slots=True)
class Trim:
    """What it brought to have the C library give free memory back to the kernel."""

    is_trimmed: bool
    """Only glibc can be asked."""
    malloc: str
    """Whose malloc it is; empty when that is not known."""
    rss_before_bytes: int
    rss_after_bytes: int
    ns: int
    """For so long its arenas were locked, one after the other."""

    @classmethod
    def of(cls, a: Answer) -> Trim:
        """Raises TargetError when the answer is not one."""
        return cls(
            is_trimmed=a.take("is_trimmed", bool),
            malloc=a.take("malloc", str),
            rss_before_bytes=a.take("rss_before_bytes", int),
            rss_after_bytes=a.take("rss_after_bytes", int),
            ns=a.take("ns", int),
        )


@dataclass(frozen=True, slots=True)
class Collection:
    """One forced collection."""

    freed: int
    ns: int
    predicted_ns: int
    is_refused: bool
    """It would have taken longer than allowed."""
    is_collecting: bool
    """A collection of the program was under way in another thread: ours was not made."""

    @classmethod
    def of(cls, a: Answer) -> Collection:
        """Raises TargetError when the answer is not one."""
        return cls(
            freed=a.take("freed", int),
            ns=a.take("ns", int),
            predicted_ns=a.take("predicted_ns", int),
            is_refused=a.take("is_refused", bool),
            is_collecting=a.take("is_collecting", bool),
        )


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """One snapshot that was written."""

    path: Path
    pause_ns: int
    """The target stood still for so long."""
    mode: str
    """``in-process`` or ``fork``."""
    why: str
    """Why there was no fork; empty when there was, or none was wished."""
    predicted_walk_ns: int
    predicted_fork_ns: int
    """Pauses of the two modes as predicted; 0 when not."""
    node_count: int
    file_bytes: int
    is_collecting: bool
    """A collection was under way in another thread: walked by reachability only."""

    @classmethod
    def of(cls, a: Answer, path: Path) -> CaptureResult:
        """Raises TargetError when the answer is not one."""
        return cls(
            path=path,
            pause_ns=a.take("pause_ns", int),
            mode=a.take("mode", str),
            why=a.take("why", str),
            predicted_walk_ns=a.take("predicted_walk_ns", int),
            predicted_fork_ns=a.take("predicted_fork_ns", int),
            node_count=a.take("nodes", int),
            file_bytes=a.take("file_bytes", int),
            is_collecting=a.take("is_collecting", bool),
        )


@dataclass(frozen=True, slots=True)
class Mark:
    """The program called ``leakhunt.mark(label)`` and waits for `AgentConnection.release`."""

    label: str
