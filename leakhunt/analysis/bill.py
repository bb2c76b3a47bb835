"""The memory bill: what the resident memory of a process consists of, part by part.

The figures of allocators and kernel come from the footer of a snapshot (``memory``, see
``docs/snapshot-format.md``), those of large Python objects from its columns.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leakhunt.agent.format import Fact
from leakhunt.store.columns import I64, SnapshotColumns

LIVE, GARBAGE, FREE, NATIVE = "live_python", "garbage", "allocator_free", "native"
MAPPED, FILES, STACKS, OWN = "mapped", "files", "stacks", "leakhunt"
UNEXPLAINED = "unexplained"

PARTS = (LIVE, GARBAGE, FREE, NATIVE, MAPPED, FILES, STACKS, OWN, UNEXPLAINED)
"""All names of parts, in the order of a bill."""

_SOURCE = {
    LIVE: "bytes in blocks that pymalloc gave out, and objects and buffers above 512 bytes found"
    " by the walk; garbage left out",
    GARBAGE: "sizes of the objects of the snapshot that no root reaches",
    FREE: "arenas of pymalloc less the blocks given out, and fordblks of mallinfo2",
    NATIVE: "uordblks and hblkhd of mallinfo2 less what Python objects own of it",
    MAPPED: "anonymous memory in smaps less the arenas of pymalloc and the heaps of malloc",
    FILES: "resident pages of mapped files in smaps, private copies of them included",
    STACKS: "resident pages in smaps of the main stack and of mappings behind a guard page",
    OWN: "the agent's stack and its map of births",
    UNEXPLAINED: "resident memory less all other parts",
}

_SMALL_BYTES = 512
"""pymalloc leaves what is larger to malloc."""
_PLAIN = "malloc"
"""As the allocator of objects: ``PYTHONMALLOC=malloc``."""
_CHUNK_BYTES = 16
"""malloc rounds up to this, after 8 bytes for its own account."""
_INLINE = frozenset({
    "builtins.tuple", "builtins.str", "builtins.bytes", "builtins.int", "builtins.code",
    "builtins.type", "builtins.frame", "builtins.float", "builtins.memoryview",
})  # fmt: skip
"""Types whose items are in one block with the object; others keep a buffer of its own."""


@dataclass(frozen=True, slots=True)
class BillPart:
    """One part of the resident memory."""

    name: str
    """One of `PARTS`."""
    bytes: int | None
    """None when it cannot be known here.  Only the remainder can be negative: memory counted by
    an allocator that is not resident (swapped, or never touched)."""
    source: str
    """Where the figure comes from."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The memory of one process at one moment."""

    rss_bytes: int
    parts: tuple[BillPart, ...]
    """One for each of `PARTS`, in that order."""
    unknown: tuple[str, ...] = ()
    """What cannot be known and why, a sentence each."""

    def part(self, name: str) -> int | None:
        """The bytes of one part."""
        return next(part.bytes for part in self.parts if part.name == name)


@dataclass(frozen=True, slots=True)
class Owned:
    """What the Python objects of a snapshot own."""

    large_bytes: int
    """In blocks above 512 bytes, as malloc counts them."""
    garbage_bytes: int
    """Shallow sizes of objects that no root reaches."""
    total_bytes: int
    """Shallow sizes of all objects, and what they own outside of them and do not say."""
    count: int = 0
    """Of the objects."""


def owned_by_objects(columns: SnapshotColumns, garbage_bytes: int = 0) -> Owned:
    """What Python objects own of malloc's memory.  O(nodes + facts)."""
    every = columns.node_size[: columns.heap_count]
    # No part of an object is larger than the object: small ones own nothing of malloc's.
    rows = np.flatnonzero(every > _SMALL_BYTES)
    sizes = every[rows].astype(np.int64)
    types = columns.node_type[rows]
    is_inline = np.array([columns.type_string(i) in _INLINE for i in range(columns.type_count)])
    base = columns.type_base_size.astype(np.int64)[types]
    head = np.where(is_inline[types], sizes, np.minimum(base, sizes))
    outside = columns.fact_value[columns.fact_id == Fact.BUFFER_BYTES]
    large = _in_chunks(head) + _in_chunks(sizes - head) + _in_chunks(outside.astype(np.int64))
    total = int(every.sum(dtype=np.int64)) + int(outside.sum(dtype=np.int64))
    return Owned(large, garbage_bytes, total, columns.heap_count)


def _in_chunks(sizes: I64) -> int:
    """Bytes of malloc that blocks of these sizes take; small ones are pymalloc's."""
    large = sizes[sizes > _SMALL_BYTES]
    return int(((large + 8 + _CHUNK_BYTES - 1) // _CHUNK_BYTES * _CHUNK_BYTES).sum())


def bill_of(memory: object, owned: Owned) -> Bill | None:
    """The bill by the ``memory`` of a footer; None when the footer has none, as those of old
    snapshots, or the kernel did not say what is resident.  O(1)."""
    if not isinstance(memory, Mapping):
        return None
    figures = {n: v for n, v in memory.items() if type(v) is int and v >= 0}
    rss, anonymous = figures.get("rss_bytes"), figures.get("anonymous_bytes")
    if rss is None or anonymous is None:
        return None
    parts: dict[str, int | None] = dict.fromkeys(PARTS)
    parts[GARBAGE] = owned.garbage_bytes
    parts[FILES] = figures.get("file_bytes")
    parts[STACKS] = figures.get("stack_bytes")
    parts[OWN] = figures.get("own_bytes")
    unknown = _split_anonymous(parts, figures, memory, anonymous, owned)
    known = sum(value for value in parts.values() if value is not None)
    parts[UNEXPLAINED] = rss - known
    return Bill(rss, tuple(BillPart(n, parts[n], _SOURCE[n]) for n in PARTS), unknown)


def _split_anonymous(
    parts: dict[str, int | None],
    figures: Mapping[str, int],
    memory: Mapping[str, object],
    anonymous: int,
    owned: Owned,
) -> tuple[str, ...]:
    """Fill in the parts that allocators know of; says what they do not know."""
    arenas, used = figures.get("arena_bytes"), figures.get("arena_used_bytes")
    system, given = figures.get("malloc_system_bytes"), figures.get("malloc_used_bytes")
    free = figures.get("malloc_free_bytes")
    if arenas is None or used is None:
        name = str(memory.get("object_allocator") or "")
        overhead = 0
        if name == _PLAIN and not (system is None or given is None or free is None):
            overhead = owned.count * _CHUNK_BYTES
            rest = anonymous - system
            parts[MAPPED] = max(0, rest)
            parts[FREE] = max(0, free + min(0, rest))
        parts[LIVE] = max(0, owned.total_bytes + overhead - owned.garbage_bytes)
        return (_no_pymalloc(name, is_counted=overhead > 0),)
    if system is None or given is None or free is None:
        parts[LIVE] = max(0, used + owned.large_bytes - owned.garbage_bytes)
        parts[FREE] = max(0, arenas - used)
        return (_no_malloc(str(memory.get("malloc") or "")),)
    large = min(owned.large_bytes, given)
    parts[LIVE] = max(0, used + large - owned.garbage_bytes)
    parts[NATIVE] = given - large
    rest = anonymous - arenas - system
    parts[MAPPED] = max(0, rest)
    # What an allocator got and nobody touched is not resident, and free.
    parts[FREE] = max(0, arenas - used + free + min(0, rest))
    return ()


def _no_pymalloc(name: str, *, is_counted: bool) -> str:
    if is_counted:
        return (
            "Python objects come from malloc, not from pymalloc: what C code took from it cannot be"
            " told from what Python itself did, and is in the remainder. Objects are counted by"
            f" their sizes and {_CHUNK_BYTES} bytes each."
        )
    if name:
        return (
            f"Python objects come from {name!a}, not from pymalloc: what of the rest is free, "
            "native or mapped cannot be told apart."
        )
    return (
        "The allocator of Python objects is hooked (tracemalloc, a profiler) or unknown: what of "
        "the rest is free, native or mapped cannot be told apart."
    )


def _no_malloc(name: str) -> str:
    who = "malloc is not glibc's, or older than 2.33"
    if name:
        who = f"malloc is {name}'s, by the name of its file or of what it exports"
    return (
        f"{who}: its counters are not read, so native memory and what malloc holds free cannot "
        "be told from the remainder."
    )


def summed(bills: Sequence[Bill]) -> Bill | None:
    """One bill of several processes; a part that one of them does not know is not known.

    Memory that processes share is counted in each.  None when there is no bill.
    """
    if not bills:
        return None
    parts = []
    for i, part in enumerate(bills[0].parts):
        values = [bill.parts[i].bytes for bill in bills]
        total = None if None in values else sum(value or 0 for value in values)
        parts.append(BillPart(part.name, total, part.source))
    unknown = tuple(dict.fromkeys(line for bill in bills for line in bill.unknown))
    return Bill(sum(bill.rss_bytes for bill in bills), tuple(parts), unknown)
