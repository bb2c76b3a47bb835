"""The string table of a file: which strings it has, in which order, and how they are written."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from leakhunt.agent.format import StringFlag
from leakhunt.interop.heapsnapshot.layout import (
    CATEGORIES,
    NAME_BY_KIND,
    ROOTS,
    UNKNOWN_NAME,
    class_name,
)
from leakhunt.report.escape import ELLIPSIS, escape
from leakhunt.store.columns import I64, U8, U32, SnapshotColumns

TEXT_LIMIT = 1024
"""V8 cuts names at so many characters, and so do we."""
NO_TEXT = "(text not recorded)"
NO_NUMBER = "(number)"
MORE_BYTES = "(more bytes)"
_FIXED = (
    "<dummy>", "", ROOTS, *CATEGORIES, *NAME_BY_KIND.values(), UNKNOWN_NAME,
    NO_TEXT, NO_NUMBER, MORE_BYTES,
)  # fmt: skip
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class StringTable:
    """Which index in the file a text of the snapshot has.

    First come the fixed words, then the names of the types and of keys of each type, then the
    ints used as keys, then all strings of the snapshot in their own order.
    """

    columns: SnapshotColumns
    special: tuple[str, ...]
    """Everything before the snapshot's own strings."""
    type_name: U32
    """(type_count,) index of the class name of a type; equal names share one."""
    type_key: U32
    """(type_count,) index of the name of a value under a key of this type."""
    int_name: U32
    """(int_count,) index of the text of ``columns.int_value``."""

    @property
    def first_text(self) -> int:
        """Index of the snapshot's string 0."""
        return len(self.special)

    @property
    def count(self) -> int:
        """Number of strings in the file."""
        return len(self.special) + len(self.columns.string_node)

    def fixed(self, word: str) -> int:
        """Index of a fixed word."""
        return _FIXED.index(word)


def string_table(columns: SnapshotColumns) -> StringTable:
    """The string table of a snapshot.  O(types + ints)."""
    special = list(_FIXED)
    classes = [class_name(escape(columns.type_string(i))) for i in range(columns.type_count)]
    type_name = _indexes(classes, special)
    type_key = _indexes([f"[({name})]" for name in classes], special)
    values, where = np.unique(columns.int_value, return_inverse=True)
    int_name = len(special) + where.astype(np.uint32)
    special += [str(value) for value in values.tolist()]
    return StringTable(columns, tuple(special), type_name, type_key, int_name)


def _indexes(names: list[str], special: list[str]) -> U32:
    """Indexes of names that are appended to ``special``, one for equal names."""
    number: dict[str, int] = {}
    first = len(special)
    indexes = [first + number.setdefault(name, len(number)) for name in names]
    special.extend(number)
    return np.array(indexes, np.uint32)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the strings as JSON."""

    text: bytes
    done: int
    """Strings up to here."""
    checksum: int
    """Of all strings up to here."""


def write_strings(table: StringTable) -> Iterator[Piece]:
    """The table as JSON, in pieces.

    The text is ASCII: a reader may cut the file anywhere.  O(bytes of all strings).
    """
    checksum = done = 0
    for texts in _batches(table):
        checksum = checksum_of(texts, checksum)
        text = b",\n".join([b'"%s"' % text for text in texts])
        separator = b",\n" if done else b""
        done += len(texts)
        yield Piece(separator + text, done, checksum)


def checksum_of(texts: list[bytes], checksum: int) -> int:
    """CRC-32 over strings as ASCII JSON without the quotes, each with a line break."""
    return zlib.crc32(b"".join([text + b"\n" for text in texts]), checksum)


def quoted(text: str) -> bytes:
    """A text as ASCII JSON, without the quotes around it."""
    return json.dumps(text)[1:-1].encode("ascii")


def _batches(table: StringTable) -> Iterator[list[bytes]]:
    yield [quoted(text) for text in table.special]
    c = table.columns
    for start in range(0, len(c.string_node), _CHUNK):
        yield _texts(c, start, min(start + _CHUNK, len(c.string_node)))


def _texts(c: SnapshotColumns, start: int, end: int) -> list[bytes]:
    """Strings ``start`` to ``end`` as JSON; those that need no escape are only cut out."""
    offsets = c.string_offset[start : end + 1].astype(np.int64)
    first = int(offsets[0])
    block = c.string_bytes[first : int(offsets[-1])]
    offsets -= first
    data = block.tobytes()
    marks = offsets.tolist()
    texts = [data[a:b] for a, b in pairwise(marks)]
    for i in _unclean(block, offsets, c.string_flags[start:end]).tolist():
        is_cut = bool(c.string_flags[start + i] & StringFlag.TRUNCATED)
        text = texts[i].decode("utf-8", "surrogatepass") + (ELLIPSIS if is_cut else "")
        texts[i] = quoted(escape(text, limit=TEXT_LIMIT))
    return texts


def _unclean(block: U8, offsets: I64, flags: U8) -> I64:
    """Positions of strings that are long, cut or hold more than plain ASCII.  O(bytes)."""
    is_special = (block < 0x20) | (block >= 0x7F) | (block == ord('"')) | (block == ord("\\"))
    before = np.concatenate([[0], np.cumsum(is_special, dtype=np.int64)])
    bad = before[offsets[1:]] != before[offsets[:-1]]
    bad |= np.diff(offsets) > TEXT_LIMIT
    bad |= (flags & StringFlag.TRUNCATED) != 0
    result: I64 = np.flatnonzero(bad)
    return result
