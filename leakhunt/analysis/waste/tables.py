"""Sizes of CPython's container tables: what there is room for, and the smallest that would do.

The numbers are those of ``Objects/dictobject.c``, ``setobject.c``, ``listobject.c`` and
``_collectionsmodule.c``, alike in 3.11 to 3.14; a test compares them with the interpreter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

POINTER_BYTES = 8
SET_ENTRY_BYTES = 16
SET_SMALL = 8
"""Slots inside the set object itself."""
DEQUE_BLOCK_ITEMS = 64
DEQUE_BLOCK_BYTES = (DEQUE_BLOCK_ITEMS + 2) * POINTER_BYTES
_KEYS_HEADER_BYTES = 32
_ENTRY_BYTES = (16, 24)
"""Of tables with str keys only, and of others."""
_LOG2_MIN, _LOG2_MAX = 3, 40


@dataclass(frozen=True, slots=True)
class DictTables:
    """Every table a dict may have, by size."""

    bytes: Ints
    """Ascending."""
    usable: Ints
    """Entries it has room for."""
    entry_bytes: Ints


@cache
def dict_tables() -> DictTables:
    """The tables of dicts."""
    rows = sorted(
        (dict_table_bytes(log2, entry), (2 << log2) // 3, entry)
        for log2 in range(_LOG2_MIN, _LOG2_MAX)
        for entry in _ENTRY_BYTES
    )
    table = np.array(rows, np.int64)
    return DictTables(table[:, 0], table[:, 1], table[:, 2])


def dict_table_bytes(log2: int, entry_bytes: int) -> int:
    """Bytes of a table of ``2**log2`` index slots."""
    index_bytes = 1 if log2 < 8 else 2 if log2 < 16 else 4 if log2 < 32 else 8
    return _KEYS_HEADER_BYTES + (index_bytes << log2) + (2 << log2) // 3 * entry_bytes


def smallest_dict_table(entries: Ints, entry_bytes: Ints) -> Ints:
    """Bytes of the smallest table with room for so many entries."""
    logs = range(_LOG2_MIN, _LOG2_MAX)
    usable = np.array([(2 << log2) // 3 for log2 in logs], np.int64)
    by_entry = {
        size: np.array([dict_table_bytes(log2, size) for log2 in logs], np.int64)
        for size in _ENTRY_BYTES
    }
    at = np.minimum(np.searchsorted(usable, entries), len(usable) - 1)
    result: Ints = np.where(
        entry_bytes == _ENTRY_BYTES[0], by_entry[_ENTRY_BYTES[0]][at], by_entry[_ENTRY_BYTES[1]][at]
    )
    return result


def smallest_set_table(entries: Ints) -> Ints:
    """Bytes of the table outside the object that a copy of a set of so many entries has."""
    slots = np.int64(1) << np.ceil(np.log2(2 * np.maximum(entries, 1) + 1)).astype(np.int64)
    result: Ints = np.where(entries < 5, 0, slots * SET_ENTRY_BYTES)
    return result
