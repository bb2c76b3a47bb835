"""Columns files (``*.lkcols``): the columns of a snapshot, memory-mapped.

The directory describes every column, so numpy reads the file without leakhunt.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from leakhunt.errors import SnapshotError
from leakhunt.store import _decode
from leakhunt.store.columns import SnapshotColumns
from leakhunt.store.files import reason_of, replacing
from leakhunt.store.layout import (
    COLUMNS,
    Arrays,
    ColumnSpec,
    problem_of_lengths,
    problem_of_values,
)
from leakhunt.store.metadata import MAX_JSON_BYTES, check_footer, check_header, parse_object
from leakhunt.store.stream import STREAM_FORMAT

COLUMNS_MAGIC = b"\x89LKCOLS\n"
COLUMNS_FORMAT = "leakhunt-columns"
COLUMNS_VERSION = (1, 0)
_ALIGNMENT = 64
_FRAME_BYTES = 16  # magic, version, directory length


@dataclass(frozen=True, slots=True)
class Directory:
    """The self-description of a columns file."""

    source_hash: str
    """Hash of the stream the columns were made from; empty when it is not known."""
    header: dict[str, Any]
    footer: dict[str, Any]
    columns: dict[str, dict[str, Any]]
    """Entry by column name."""


def write_columns(
    path: Path,
    columns: SnapshotColumns,
    *,
    source_hash: str = "",
    extra: Sequence[tuple[ColumnSpec, npt.NDArray[Any]]] = (),
) -> None:
    """Write a columns file (0600), whole or not at all; ``extra`` columns follow the others.

    Raises:
        SnapshotError: it cannot be written.
    """
    given = [(spec, getattr(columns, spec.name)) for spec in COLUMNS]
    given.extend(extra)
    arrays = {spec.name: np.ascontiguousarray(array, dtype=spec.dtype) for spec, array in given}
    specs = [spec for spec, _ in given]
    directory, offset_by_name = _laid_out(columns, specs, arrays, source_hash)
    with replacing(path) as file:
        file.write(COLUMNS_MAGIC + struct.pack("<HHI", *COLUMNS_VERSION, len(directory)))
        file.write(directory)
        file.write(struct.pack("<Q", _decode.block_hash(directory)))
        for name, offset in offset_by_name.items():
            file.write(bytes(offset - file.tell()))
            file.write(arrays[name].data if arrays[name].size else b"")


def read_columns(path: Path, *, is_trusted: bool = False) -> SnapshotColumns:
    """Map a columns file; the arrays are read-only and live in the page cache.

    Structure is always checked.  Values (every index, offset, kind and text) are checked
    too, which reads the file once, unless it ``is_trusted`` because this tool has just made
    it: then it takes milliseconds whatever the size.

    Raises:
        SnapshotError: missing, unreadable, truncated, damaged, foreign or newer.
    """
    try:
        return _read(path, is_trusted=is_trusted)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}", hint=error.hint) from None
    except OSError as error:
        raise SnapshotError(
            f"cannot read {path}: {reason_of(error)}",
            hint="check that the file exists and that you may read it",
        ) from error


def read_directory(file: BinaryIO) -> tuple[Directory, int]:
    """The directory at the start of an open columns file, and the offset of the byte behind.

    Raises:
        SnapshotError: it is truncated, damaged, foreign or newer.
    """
    frame = file.read(_FRAME_BYTES)
    if frame[:8] != COLUMNS_MAGIC[: len(frame)]:
        raise SnapshotError(f"not a columns file: it begins with {frame[:8]!r}")
    if len(frame) < _FRAME_BYTES:
        raise SnapshotError(f"the columns file is truncated after {len(frame)} bytes")
    major, minor, length = struct.unpack_from("<HHI", frame, 8)
    if major != COLUMNS_VERSION[0]:
        raise SnapshotError(
            f"the columns have format version {major}.{minor}, "
            f"this leakhunt reads version {COLUMNS_VERSION[0]}"
        )
    if length > MAX_JSON_BYTES:
        raise SnapshotError(f"damaged at byte 12: a directory of {length} bytes")
    text, stored = file.read(length), file.read(8)
    if len(text) + len(stored) != length + 8:
        raise SnapshotError("the columns file is truncated inside its directory")
    if struct.pack("<Q", _decode.block_hash(text)) != stored:
        raise SnapshotError(f"damaged at byte {_FRAME_BYTES}: the hash of the directory is wrong")
    members = parse_object(text, "directory", _FRAME_BYTES)
    return _checked_directory(members), _FRAME_BYTES + length + 8


def map_columns(
    file: BinaryIO, extra: Sequence[ColumnSpec] = ()
) -> tuple[Directory, SnapshotColumns, Arrays]:
    """Map an open columns file and the ``extra`` columns asked for.  Only the structure is
    checked: whoever calls this knows who wrote the file.  Milliseconds whatever the size.

    Raises:
        SnapshotError: truncated, damaged, foreign, newer, or it lacks a column.
        OSError: it cannot be mapped.
    """
    directory, end = read_directory(file)
    size = file.seek(0, 2)
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    arrays: Arrays = {}
    for spec in (*COLUMNS, *extra):
        if spec.name not in directory.columns:
            raise SnapshotError(f"the directory lacks column {spec.name!r}")
        arrays[spec.name] = _array(mapped, size, end, spec, directory.columns[spec.name])
    problem = problem_of_lengths(arrays)
    if problem is not None:
        raise SnapshotError(f"the columns are damaged: {problem}")
    own = {spec.name: arrays.pop(spec.name) for spec in COLUMNS}
    return (
        directory,
        SnapshotColumns(header=directory.header, footer=directory.footer, **own),
        arrays,
    )


def _laid_out(
    columns: SnapshotColumns, specs: Sequence[ColumnSpec], arrays: Arrays, source_hash: str
) -> tuple[bytes, dict[str, int]]:
    """The directory's text, and the offset of each column.

    Offsets depend on the length of the directory that holds them: they are counted from a
    generous bound on it.
    """
    entries: list[dict[str, Any]] = [
        {
            "name": spec.name,
            "dtype": spec.dtype,
            "shape": [len(arrays[spec.name])],
            "offset": 0,
            "unit": spec.unit,
            "doc": spec.doc,
        }
        for spec in specs
    ]
    members = {
        "format": COLUMNS_FORMAT,
        "source_hash": source_hash,
        "header": dict(columns.header),
        "footer": dict(columns.footer),
        "columns": entries,
    }
    offset = _FRAME_BYTES + 8 + len(json.dumps(members)) + 20 * len(entries)
    for entry in entries:
        offset = -(-offset // _ALIGNMENT) * _ALIGNMENT
        entry["offset"] = offset
        offset += arrays[entry["name"]].nbytes
    return json.dumps(members).encode(), {entry["name"]: entry["offset"] for entry in entries}


def _read(path: Path, *, is_trusted: bool) -> SnapshotColumns:
    with path.open("rb") as file:
        _, columns, _ = map_columns(file)
    problem = None if is_trusted else problem_of_values(columns)
    if problem is not None:
        raise SnapshotError(f"the columns are damaged: {problem}")
    return columns


def _array(
    mapped: mmap.mmap, size: int, start: int, spec: ColumnSpec, entry: Mapping[str, Any]
) -> npt.NDArray[Any]:
    """One column of the mapping; its place is checked."""
    offset, shape = entry.get("offset"), entry.get("shape")
    if entry.get("dtype") != spec.dtype:
        raise SnapshotError(f"column {spec.name} is not of type {spec.dtype}")
    if not (isinstance(shape, list) and len(shape) == 1 and type(shape[0]) is int):
        raise SnapshotError(f"column {spec.name} has no shape of one dimension")
    length, dtype = shape[0], np.dtype(spec.dtype)
    if type(offset) is not int or offset < start or offset % _ALIGNMENT or length < 0:
        raise SnapshotError(f"column {spec.name} has no valid place in the file")
    if length * dtype.itemsize > size - offset:
        raise SnapshotError(
            f"the columns file is truncated: column {spec.name} ends behind its {size} bytes"
        )
    if length == 0:
        empty = np.empty(0, dtype=dtype)
        empty.flags.writeable = False
        return empty
    return np.frombuffer(mapped, dtype=dtype, count=length, offset=offset)


def _checked_directory(members: Mapping[str, Any]) -> Directory:
    if members.get("format") != COLUMNS_FORMAT:
        raise SnapshotError(f"the directory says format {members.get('format')!r}")
    header, footer = members.get("header"), members.get("footer")
    source_hash, entries = members.get("source_hash"), members.get("columns")
    if not (isinstance(header, dict) and isinstance(footer, dict)):
        raise SnapshotError("the directory lacks the header or footer of the stream")
    if not (isinstance(source_hash, str) and isinstance(entries, list)):
        raise SnapshotError("the directory lacks the source hash or the columns")
    check_header(header, STREAM_FORMAT)
    check_footer(footer, {})
    entry_by_name: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise SnapshotError("the directory lists something that is not a column")
        if entry["name"] in entry_by_name:
            raise SnapshotError(f"the directory lists column {entry['name']!r} twice")
        entry_by_name[entry["name"]] = entry
    for spec in COLUMNS:
        if spec.name not in entry_by_name:
            raise SnapshotError(f"the directory lacks column {spec.name!r}")
    return Directory(source_hash, header, footer, entry_by_name)
