"""The snapshot stream format: the single source of truth for writer and reader.

The C writer (``agent/native/stream_format.h``) and the C reader
(``store/native/stream_format.h`` is the same header) take their numbers from
here and from :mod:`leakhunt.agent.graph_kinds`; ``tests/contract/test_format_header.py``
checks the header against both.  The format is described for people in ``docs/snapshot-format.md``.

This module is part of the agent: standard library only.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

MAGIC = b"\x89LKHEAP\n"
"""First 8 bytes of a stream.  The high bit and the newline reveal text-mode damage."""

END_MAGIC = b"\nPAEHKL\x98"
"""Last 8 bytes of a complete stream."""

VERSION_MAJOR = 1
"""A reader refuses a stream of another major version."""

VERSION_MINOR = 1
"""A reader accepts any minor version of its major version."""

BLOCK_BYTES = 1 << 20
"""Largest payload of one block."""

NODE_TAG_BASE = 16
"""A record whose tag is at least this is a node of type ``tag - NODE_TAG_BASE``."""

SLOT_BYTES = 16
"""Objects are named by slot: address // 16.  No two objects share a slot."""

FILE_SUFFIX = ".lkheap"
COLUMNS_SUFFIX = ".lkcols"
ARCHIVE_SUFFIX = ".lkheap.zst"
CACHE_SUFFIX = ".lkcache"
"""Added to the name of a snapshot file."""


class Tag(IntEnum):
    """First varint of every record that is not a node."""

    END = 0
    TYPE = 1
    STRING = 2
    KEYS = 3
    FACT = 4
    ROOT = 5
    SYMBOL = 6
    INT = 7
    SCHEMA = 8
    UNREACHED = 9
    SITE = 10
    SAMPLE = 11


class RunKind(IntEnum):
    """What the edges of one run of a node are."""

    NONE = 0
    """No edges (the default run of atoms)."""
    INDEX = 1
    """Items of a sequence; position i is index i."""
    ITEM = 2
    """Key and value alternate; an even number of edges."""
    ELEMENT = 3
    """Members of a set."""
    ATTR = 4
    """Inline values; position i is named by entry i of the type's KEYS record."""
    FIELD = 5
    """Fields of a C struct; a schema id comes first, position i is named by the schema."""
    NAMED = 6
    """Each edge is preceded by a symbol id (``__slots__`` and C members)."""
    UNKNOWN = 7
    """Reported by ``tp_traverse`` and not named."""
    LOCAL = 8
    """Local variables; position i is named by the code object's localsplusnames."""
    STACK = 9
    """Evaluation-stack slots of a frame."""
    WEAK = 10
    """A weak reference's referent: not owned, never retains."""
    HIDDEN = 11
    """Owned, named by nobody, reported by no ``tp_traverse`` (found by our own readers)."""


class NodeFlag(IntFlag):
    """Flags of one node."""

    BORN = 1
    """Created since the previous birth mark of this process."""
    TRACKED = 2
    """In one of the collector's lists."""
    ROOT = 4
    """Not an object: a named root (only in columns, never in a stream)."""
    IMMORTAL = 8
    """Its reference count is not kept (only in columns)."""


class TypeFlag(IntFlag):
    """Flags of one TYPE record."""

    HEAP = 1
    """Made at run time: each instance owns a reference to it."""
    GC = 2
    """Instances have a collector header."""
    OPAQUE = 4
    """May own objects that neither ``tp_traverse`` nor a reader of ours reports."""
    ROOT = 8
    """Pseudo type of root nodes (only in columns)."""


class StringFlag(IntFlag):
    """How the text of a STRING record differs from the object's."""

    TRUNCATED = 1
    MASKED = 2


class SampleFlag(IntFlag):
    """What is special about one SAMPLE record."""

    REUSED = 1
    """The block was sampled for an earlier object; where this one was made is not known."""


class Fact(IntEnum):
    """Facts about a node that the graph has no edge for.  The value is an int64."""

    LINE = 1
    """Code: first line.  Frame, coroutine, generator: the line where it is."""
    THREAD_ID = 2
    """Frame: ident of its thread."""
    LENGTH = 3
    """Number of items where edges cannot tell (bytearray, array, lru_cache)."""
    MAXSIZE = 4
    """Bound of a deque or lru_cache; -1 when there is none."""
    STATE = 5
    """Future: 0 pending, 1 cancelled, 2 finished.  Generator kinds: 0 created, 1 suspended,
    2 running, 3 done."""
    FD = 6
    """File descriptor of a raw file or socket; -1 when closed."""
    CLOSED = 7
    """1 when closed, 0 when open."""
    BOUND = 8
    """Attribute whose name says it is a bound (maxsize, maxlen, capacity, limit ...): its value."""
    WEAKREFS = 9
    """Number of weak references to it (only when there are any and it costs nothing to know)."""
    ADDRESS_LOW = 10
    """Low 4 bits of an address that is not a multiple of 16 (static objects)."""
    EXPORTS = 11
    """Buffer exports of a bytearray or memoryview."""
    BUFFER_BYTES = 12
    """Bytes owned outside the object that ``sys.getsizeof`` does not count."""
    CONTENT = 13
    """str, bytes, int, float (on request): keyed hash of the value.  Equal values of one capture
    have equal hashes; the key is random and not kept."""
    UNREAD = 14
    """Local variables by bit (the first 63), left out when none: of a code object the arguments
    that none of its instructions reads; of a suspended generator or coroutine those that are set
    and that no instruction reads which can still run."""
    ARGUMENTS = 15
    """Code with UNREAD: how many arguments can be given by position."""
