"""Writing a ``.heapsnapshot`` file: streamed, in bounded memory, whole or not at all."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from leakhunt.errors import SnapshotError
from leakhunt.interop import _decimal
from leakhunt.interop.heapsnapshot.layout import (
    EDGE_FIELDS,
    LIMIT,
    META,
    NODE_FIELDS,
    OUR_FORMAT,
)
from leakhunt.interop.heapsnapshot.rows import Rows
from leakhunt.interop.heapsnapshot.strings import write_strings
from leakhunt.report.escape import escape
from leakhunt.store.columns import U32
from leakhunt.store.files import replacing

OnRows = Callable[[str, int, int], None]
"""Told which section is written (``nodes``, ``edges``, ``strings``), rows done and rows in all."""

_NO_CHECKSUM = "0" * 8
_CHECKSUMS = ("node_crc32", "edge_crc32", "string_crc32")


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds."""

    path: Path
    node_count: int
    edge_count: int
    string_count: int
    split_count: int
    """Objects of 4 GiB or more, written as several nodes."""
    file_bytes: int


def write_heapsnapshot(path: Path, rows: Rows, on_rows: OnRows | None = None) -> Written:
    """Write one snapshot, mode 0600, under a temporary name until it is whole.

    An exception out of ``on_rows`` (Ctrl-C) leaves nothing behind and ``path`` as it was.
    O(nodes + edges + bytes of strings); memory beside the snapshot is that of one chunk.

    Raises:
        SnapshotError: it cannot be written, or has more nodes or edges than the format can count.
    """
    _check_counts(rows)
    tell = on_rows or (lambda _section, _done, _total: None)
    with replacing(path) as file:
        header = _header(rows, dict.fromkeys(_CHECKSUMS, _NO_CHECKSUM))
        file.write(header)
        sums = _write_body(file, rows, tell)
        size = file.tell()
        file.seek(0)
        file.write(_header(rows, sums))  # the checksums are as long as their placeholders
    return Written(
        path, rows.node_count, rows.edge_count, rows.strings.count, rows.split_count, size
    )


def _check_counts(rows: Rows) -> None:
    flat = rows.node_count * len(NODE_FIELDS)
    if flat >= LIMIT or rows.edge_count >= LIMIT:
        raise SnapshotError(
            f"{rows.node_count:,} nodes and {rows.edge_count:,} edges are more than the format"
            f" can number ({LIMIT // len(NODE_FIELDS):,} nodes)",
            hint="this heap is too large for .heapsnapshot; leakhunt itself reads it",
        )


def _header(rows: Rows, sums: dict[str, str]) -> bytes:
    """The file up to the first number."""
    header = rows.columns.header
    label = escape(str(header.get("label") or "snapshot"))
    snapshot: dict[str, Any] = {
        # Never the label alone: readers look for quoted section names by plain text search.
        "title": f"leakhunt: {label}",
        "meta": META,
        "node_count": rows.node_count,
        "edge_count": rows.edge_count,
        "trace_function_count": 0,
        "leakhunt": {"format": OUR_FORMAT, **sums},
    }
    text = json.dumps(snapshot, separators=(",", ":"))
    return b'{"snapshot":%s,\n"nodes":[' % text.encode("ascii")


def _write_body(file: BinaryIO, rows: Rows, tell: OnRows) -> dict[str, str]:
    """Nodes, edges and strings; their checksums."""

    def tell_nodes(done: int) -> None:
        tell("nodes", done, rows.node_count)

    def tell_edges(done: int) -> None:
        tell("edges", done, rows.edge_count)

    nodes = _write_numbers(file, rows.node_chunks(), len(NODE_FIELDS), tell_nodes)
    file.write(b'],\n"edges":[')
    edges = _write_numbers(file, rows.edge_chunks(), len(EDGE_FIELDS), tell_edges)
    file.write(b'],\n"strings":[')
    checksum = 0
    for piece in write_strings(rows.strings):
        file.write(piece.text)
        checksum = piece.checksum
        tell("strings", piece.done, rows.strings.count)
    file.write(b"]}\n")
    sums = zip(_CHECKSUMS, (nodes, edges, checksum), strict=True)
    return {name: f"{crc:08x}" for name, crc in sums}


def _write_numbers(
    file: BinaryIO, chunks: Iterator[U32], width: int, tell: Callable[[int], None]
) -> int:
    """Write rows and return their checksum."""
    checksum, done = 0, 0
    for chunk in chunks:
        file.write(_decimal.format_rows(chunk, width, done == 0))
        checksum = zlib.crc32(chunk.data, checksum)
        done += len(chunk) // width
        tell(done)
    return checksum
