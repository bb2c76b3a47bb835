"""The native agent (``native/module.c``)."""

from collections.abc import Callable
from types import CodeType
from typing import Any, TypedDict

class Birth(TypedDict):
    """How births are tracked."""

    method: str
    exact: bool
    inferred_types: list[str]
    note: str

class Process(TypedDict):
    """What identifies a process."""

    pid: int
    start_ticks: int
    boot_id: str
    uid: int

class Restored(TypedDict):
    """What is left after tracking."""

    restored: bool
    note: str

class Captured(TypedDict):
    """What a capture did; times in nanoseconds, 0 for a pause that was not predicted."""

    mode: str
    why: str
    pause_ns: int
    predicted_walk_ns: int
    predicted_fork_ns: int
    nodes: int
    file_bytes: int
    collecting: bool

class SitesStatus(TypedDict):
    """Numbers of the sampler (``native/sites.h``)."""

    running: bool
    sample_bytes: int
    frames: int
    current_bytes: float
    peak_bytes: float
    live_samples: int
    samples: int
    lost_samples: int
    unknown_stacks: int
    places: int
    functions: int
    memory_bytes: int
    epoch: int
    sound: bool
    reuse: int
    """Of objects that come back from free lists: 0 nothing is known, 1 that they are others,
    2 where they were made."""

def sites_start(sample_bytes: int = ..., frames: int = ..., seed: int = ...) -> None:
    """Begin to sample allocations; ``seed`` of the random numbers, 0 for any.

    Raises ValueError, and RuntimeError when it cannot.
    """

def sites_read_traces() -> None:
    """Captures tell the traces of tracemalloc from now on, until sites_stop."""

def sites_stop() -> bool:
    """End it; False when our hook stays as a pass-through under another's."""

def sites_mark() -> None:
    """Samples from now on are of the next epoch."""

def sites_status() -> SitesStatus:
    """The sampler's own numbers; O(samples)."""

def sites_read() -> tuple[bytes, bytes, bytes, bytes]:
    """Samples, places, functions and texts as they are; raises RuntimeError when it is off."""

def sites_block(obj: object, /) -> int:
    """The address of an object's sample; 0 when it was not sampled."""

def capture(
    path: str | bytes,
    header: bytes,
    mark: bool = False,
    max_wait_ms: int = 1000,
    redact: bool = False,
    mode: str = "in-process",
    content: bool = False,
) -> int: ...
def capture_to(
    fd: int,
    header: bytes,
    mark: bool = False,
    max_wait_ms: int = 1000,
    redact: bool = False,
    mode: str = "in-process",
    content: bool = False,
) -> Captured: ...
def birth_start(lost: bool = True) -> Birth: ...
def birth_stop() -> Restored: ...
def birth_mark() -> None: ...
def is_born(obj: object, /) -> bool: ...
def describe_process() -> Process: ...
def serve(fd: int, on_end: Callable[[], object] | None = None) -> None: ...
def listen(path: str | bytes) -> None: ...
def stop_listening() -> None: ...
def mark(label: str, /) -> None: ...
def prepare() -> None: ...
def self_test() -> None: ...
def die_with_parent(pid: int, /) -> bool: ...
def apart(objects: list[Any], seeds: list[Any], /) -> list[Any]:
    """The objects that no seed leads to by way of others of the list; what else lies between is
    not looked through, except the seeds themselves.  Seeds are not among them.

    As the collector sees it, so no code of the program runs.  O(references of all of these).
    """

def unlike(objects: list[Any], kinds: tuple[type, ...], /) -> list[Any]:
    """The objects whose class is none of the tuple's, by identity: no class is asked.
    O(objects * kinds)."""

def all_known(
    objects: list[Any],
    seeds: list[Any],
    kinds: list[type],
    codes: list[CodeType],
    silent: tuple[type, ...],
    /,
) -> bool:
    """Whether each of the objects is one that a seed leads to by way of others of the list, or an
    instance of one of the kinds, or a generator that runs one of the codes, or what these lead to;
    or else says nothing: an instance of a silent class, a method of a weak reference, and a list
    that is empty, has one string only or begins with the first seed.  All by identity of the class.

    O(references of all of these).  Raises ValueError when there is no seed.
    """

def holders(objects: list[Any], candidates: list[Any], /) -> list[tuple[Any, Any]]:
    """(candidate, object) for each reference of a candidate to an object of the list, as the
    collector sees it.  O(references of the candidates)."""

def ways(
    addresses: list[int], tiers: list[list[Any]], shut: list[Any], /
) -> dict[int, tuple[Any, Any | None]]:
    """Shortest ways from some seeds to those of the addresses that are reached: by address of each
    object on them, the object and the one before it, None before a seed.  The lists of seeds are
    explored one after the other; nothing goes through an object of the list ``shut``.

    As the collector sees it.  O(objects reached) at most; ends when all are found.
    """

def interpreter_references() -> list[tuple[str, str | int, Any]]:
    """What the interpreter itself keeps, but for ``sys.modules``: (root, name of the field or
    index, object), as the roots of a snapshot have it.  After :func:`self_test` only."""
