"""The cache beside a snapshot: its columns and what was derived from them, memory-mapped.

``snapshot.lkheap`` gets ``snapshot.lkheap.lkcache``: a columns file with more columns.  It can
be deleted at any time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from leakhunt import __version__
from leakhunt.agent.format import CACHE_SUFFIX
from leakhunt.errors import SnapshotError
from leakhunt.store import trust
from leakhunt.store.columns import SnapshotColumns
from leakhunt.store.columns_file import map_columns, write_columns
from leakhunt.store.files import reason_of
from leakhunt.store.layout import Arrays, ColumnSpec


@dataclass(frozen=True, slots=True)
class Cached:
    """What a cache holds, mapped."""

    columns: SnapshotColumns
    extra: Arrays


def cache_path(path: Path) -> Path:
    """Where the cache of a snapshot file lies."""
    return path.with_name(path.name + CACHE_SUFFIX)


def read_cache(path: Path, key: str, extra: Sequence[ColumnSpec]) -> Cached | str:
    """The cache of the snapshot at ``path`` with this content, or why there is none to use
    (empty when there is none at all).  Milliseconds whatever the size; never raises."""
    try:
        descriptor = os.open(cache_path(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        return f"it cannot be read ({_reason(error)})"
    try:
        with os.fdopen(descriptor, "rb") as file:
            if not trust.is_known(os.fstat(file.fileno())):
                return "it was not made here, or was changed since"
            directory, columns, arrays = map_columns(file, extra)
    except (SnapshotError, OSError, ValueError) as error:
        return f"it is damaged ({_reason(error)})"
    if directory.source_hash != _full_key(key):
        return "it is of other content, or of another version of leakhunt"
    return Cached(columns, arrays)


def write_cache(
    path: Path,
    key: str,
    columns: SnapshotColumns,
    extra: Sequence[tuple[ColumnSpec, npt.NDArray[Any]]],
) -> str:
    """Write the cache of a snapshot (0600), whole or not at all; answers why it could not be,
    empty when it was.  O(columns); never raises."""
    target = cache_path(path)
    try:
        found = target.lstat()
    except FileNotFoundError:
        found = None
    except (OSError, ValueError) as error:
        return _reason(error)
    if found is not None and not stat.S_ISREG(found.st_mode):
        return f"{target} is no regular file"
    try:
        write_columns(target, columns, source_hash=_full_key(key), extra=extra)
    except SnapshotError as error:
        return str(error)
    if not trust.remember(target):
        with suppress(OSError):
            target.unlink()
        return "there is no cache folder of our own to note it in (XDG_CACHE_HOME)"
    return ""


def _full_key(key: str) -> str:
    return f"{key}-{__version__}"


def _reason(error: Exception) -> str:
    return reason_of(error) if isinstance(error, OSError) else str(error)
