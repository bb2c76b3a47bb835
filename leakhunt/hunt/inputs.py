"""Which files may be read, what their headers say, and which belong together."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leakhunt.agent.format import FILE_SUFFIX
from leakhunt.errors import SnapshotError, UsageError


def window_beside(
    baseline: Path, baseline_header: Mapping[str, Any], loaded_header: Mapping[str, Any]
) -> Path | None:
    """The window that a hunt left beside its baseline, when the later snapshot needs it.

    The loaded snapshot then knows births since the window only: the window closes the gap.
    """
    if mapping_of(loaded_header, "identity").get("since") != "window":
        return None
    from leakhunt.store.catalog import read_entry

    path = baseline.parent / f"window{FILE_SUFFIX}"
    try:
        header = read_entry(path).header if path.is_file() else {}
    except SnapshotError:
        return None
    is_same = mapping_of(header, "process") == mapping_of(loaded_header, "process")
    is_between = sequence_of(baseline_header) < sequence_of(header) < sequence_of(loaded_header)
    return path if is_same and is_between else None


def refuse_pipe(path: Path) -> None:
    """Opening a pipe nobody writes to would wait for ever; the reader tells all else."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UsageError(f"{path} is no regular file", hint="copy the snapshot to a file first")


def check_one_process(files: Mapping[str, Path], headers: Mapping[str, Mapping[str, Any]]) -> None:
    """Addresses mean something within one process only, births from earlier to later only.

    Raises UsageError for headers of several processes or out of order.
    """
    first, *others = headers
    for label in others:
        before, after = headers[first], headers[label]
        if mapping_of(before, "process") != mapping_of(after, "process"):
            raise UsageError(
                f"{files[first]} and {files[label]} are of different processes"
                f" (pid {mapping_of(before, 'process').get('pid')}"
                f" and {mapping_of(after, 'process').get('pid')})",
                hint="compare snapshots that one run of one process wrote",
            )
        if sequence_of(after) < sequence_of(before):
            raise UsageError(
                f"{files[label]} was taken before {files[first]}",
                hint="give the snapshots in the order in which they were taken",
            )
        first = label


def mapping_of(header: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A member of a header that should be an object; empty when it is none."""
    value = header.get(name)
    return value if isinstance(value, Mapping) else {}


def sequence_of(header: Mapping[str, Any]) -> int:
    """Number of the capture within its process; 0 when the header has none."""
    value = header.get("sequence", 0)
    return value if isinstance(value, int) else 0
