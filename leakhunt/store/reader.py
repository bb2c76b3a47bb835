"""Opening a snapshot of any form."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from leakhunt.agent.format import MAGIC
from leakhunt.errors import SnapshotError
from leakhunt.store.archive import ZSTD_MAGIC, read_archive
from leakhunt.store.columns import SnapshotColumns
from leakhunt.store.columns_file import COLUMNS_MAGIC, read_columns
from leakhunt.store.files import read_bytes
from leakhunt.store.stream import decode_file, read_stream


class SnapshotForm(Enum):
    """The three forms of a snapshot file."""

    STREAM = "stream"
    COLUMNS = "columns"
    ARCHIVE = "archive"


def open_snapshot(path: Path | str) -> SnapshotColumns:
    """Columns of a snapshot file of any form; the form is told by content, not by name.

    O(file); a columns file is mapped instead of read into memory.

    Raises:
        SnapshotError: missing, unreadable, empty, truncated, damaged, foreign or newer.
    """
    path = Path(path)
    form = form_of_file(path)
    if form is SnapshotForm.COLUMNS:
        return read_columns(path)
    if form is SnapshotForm.STREAM:
        return read_stream(path)
    return decode_file(path, read_archive(path))


def form_of_file(path: Path) -> SnapshotForm:
    """Which form a file has, by its first bytes.

    Raises:
        SnapshotError: missing, unreadable, empty, or none of them.
    """
    start = read_bytes(path, limit=8)
    forms = (
        (MAGIC, SnapshotForm.STREAM),
        (COLUMNS_MAGIC, SnapshotForm.COLUMNS),
        (ZSTD_MAGIC, SnapshotForm.ARCHIVE),
    )
    if not start:
        raise SnapshotError(f"{path} is empty", hint="the capture may have been cut off: repeat it")
    for magic, form in forms:
        if start[: len(magic)] == magic:
            return form
        if start == magic[: len(start)]:
            raise SnapshotError(f"{path} is truncated after {len(start)} bytes")
    damaged = (MAGIC[1:6], COLUMNS_MAGIC[1:6])
    if any(word in start for word in damaged):
        raise SnapshotError(
            f"{path} is a snapshot damaged by a transfer in text mode: it begins with {start!r}",
            hint="copy it again in binary mode",
        )
    raise SnapshotError(
        f"{path} is not a snapshot: it begins with {start!r}",
        hint="name a file written by leakhunt (*.lkheap, *.lkcols or *.lkheap.zst)",
    )
