"""Snapshot streams (``*.lkheap``) to columns: the frame in Python, the records in C."""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leakhunt.agent import format as fmt
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.errors import SnapshotError
from leakhunt.store import _decode
from leakhunt.store.columns import SnapshotColumns
from leakhunt.store.files import read_writable
from leakhunt.store.layout import COLUMNS, Arrays
from leakhunt.store.metadata import MAX_JSON_BYTES, check_footer, check_header, parse_object

STREAM_FORMAT = "leakhunt-stream"
FRAME_BYTES = 16
"""Magic, version and header length."""


@dataclass(frozen=True, slots=True)
class StreamStart:
    """What precedes the blocks of a stream."""

    header: dict[str, Any]
    end: int
    """Offset of the first block."""


def read_stream(path: Path) -> SnapshotColumns:
    """Columns of a stream file.

    O(file); needs some 5 times the size of the file in memory while it works, and no GIL for
    most of the time.

    Raises:
        SnapshotError: the file is missing, unreadable, truncated, damaged, foreign or newer.
    """
    return decode_file(path, read_writable(path))


def decode_file(path: Path, data: bytes | memoryview) -> SnapshotColumns:
    """Like :func:`decode_stream`, with the path in the error."""
    try:
        return decode_stream(data)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}", hint=error.hint) from None


def decode_stream(data: bytes | memoryview) -> SnapshotColumns:
    """Columns of a whole stream in memory, which is written over where it may be written to.

    Raises:
        SnapshotError: it is truncated, damaged, foreign or newer.
    """
    data = memoryview(data)
    start = parse_start(bytes(data[: bytes_of_start(bytes(data[:FRAME_BYTES]))]))
    if data[-len(fmt.END_MAGIC) :] != fmt.END_MAGIC:
        raise SnapshotError(
            f"the stream is truncated: its {len(data)} bytes do not end with the end mark"
        )
    try:
        raw, end = _decode.decode(data, start.end, secrets.randbits(64))
    except ValueError as error:
        text, offset = error.args
        raise SnapshotError(f"damaged at byte {offset}: {text}") from None
    footer, end = _parse_json_part(data, end, "footer")
    if end != len(data) - len(fmt.END_MAGIC):
        raise SnapshotError(f"damaged at byte {end}: the end mark does not follow the footer")
    columns = SnapshotColumns(header=start.header, footer=footer, **_arrays(raw))
    counts = {
        "nodes": columns.heap_count,
        "roots": len(columns.root_kind),
        "types": int(np.count_nonzero((columns.type_flags & fmt.TypeFlag.ROOT) == 0)),
        "edges": int(np.count_nonzero(columns.edge_kind != EdgeKind.TYPE)),
    }
    check_footer(footer, counts)
    return columns


def parse_start(data: bytes) -> StreamStart:
    """Check magic and version and parse the header.

    ``data`` may be the beginning of a file: as many bytes as :func:`bytes_of_start` says.

    Raises:
        SnapshotError: as :func:`decode_stream`.
    """
    if not data:
        raise SnapshotError("the file is empty")
    magic = fmt.MAGIC
    if data[: len(magic)] != magic[: len(data)]:
        raise SnapshotError(f"not a snapshot stream: it begins with {data[:8]!r}")
    if len(data) < FRAME_BYTES:
        raise SnapshotError(f"the stream is truncated after {len(data)} bytes")
    major, minor = struct.unpack_from("<HH", data, len(magic))
    if major != fmt.VERSION_MAJOR:
        raise SnapshotError(
            f"the stream has format version {major}.{minor}, "
            f"this leakhunt reads version {fmt.VERSION_MAJOR}"
        )
    header, end = _parse_json_part(data, 12, "header")
    check_header(header, STREAM_FORMAT)
    return StreamStart(header, end)


def bytes_of_start(frame: bytes) -> int:
    """How many bytes :func:`parse_start` needs, by the first :data:`FRAME_BYTES` of a file."""
    if len(frame) < FRAME_BYTES:
        return len(frame)
    (length,) = struct.unpack_from("<I", frame, 12)
    return FRAME_BYTES + min(int(length), MAX_JSON_BYTES) + 8


def _parse_json_part(data: bytes | memoryview, at: int, what: str) -> tuple[dict[str, Any], int]:
    """A u32 length, a JSON object and its u64 hash at offset ``at``: (object, offset behind)."""
    if len(data) - at < 4:
        raise SnapshotError(f"the stream is truncated at byte {len(data)}, before its {what}")
    (length,) = struct.unpack_from("<I", data, at)
    if length > MAX_JSON_BYTES:
        raise SnapshotError(f"damaged at byte {at}: a {what} of {length} bytes")
    start, end = at + 4, at + 4 + length
    if end + 8 > len(data):
        raise SnapshotError(f"the stream is truncated inside its {what}, which begins at byte {at}")
    text = bytes(data[start:end])
    if struct.pack("<Q", _decode.block_hash(text)) != data[end : end + 8]:
        raise SnapshotError(f"damaged at byte {start}: the hash of the {what} is wrong")
    return parse_object(text, what, start), end + 8


def _arrays(raw: dict[str, bytes]) -> Arrays:
    """Read-only arrays on the decoder's bytes; nothing is copied."""
    return {
        spec.name: np.frombuffer(raw[spec.name], dtype=spec.dtype)
        if raw[spec.name]
        else _empty(spec.dtype)
        for spec in COLUMNS
    }


def _empty(dtype: str) -> np.ndarray[Any, Any]:
    array = np.empty(0, dtype=dtype)
    array.flags.writeable = False
    return array
