"""Orders of the growth table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from leakhunt.analysis.results import GrowthRow
from leakhunt.errors import UsageError

DEFAULT_SORT: Final = "size"

AMOUNT_BY_KEY: Final[dict[str, Callable[[GrowthRow], int]]] = {
    "size": lambda row: row.bytes_delta,
    "count": lambda row: row.count_delta,
    "born": lambda row: row.born,
    "departed": lambda row: row.departed,
    "transient": lambda row: row.transient,
    "late": lambda row: row.late,
    "resized": lambda row: row.resized_bytes,
    "garbage": lambda row: row.garbage,
    "unreached": lambda row: row.unreached,
    "final": lambda row: row.bytes_final,
}
"""What each sort key sorts by, largest first. ``size`` and ``count`` are final - baseline."""

SORT_KEYS: Final = (*AMOUNT_BY_KEY, "type")


def ordered(rows: Iterable[GrowthRow], key: str = DEFAULT_SORT) -> tuple[GrowthRow, ...]:
    """Rows by ``key``, largest first, ties by name; ``type`` sorts by name. O(n log n).

    Raises:
        UsageError: ``key`` is not in SORT_KEYS.
    """
    if key == "type":
        return tuple(sorted(rows, key=lambda row: row.type))
    amount = AMOUNT_BY_KEY.get(key)
    if amount is None:
        raise UsageError(f"no sort key {key!a}", hint=f"one of: {', '.join(SORT_KEYS)}")
    return tuple(sorted(rows, key=lambda row: (-amount(row), row.type)))


def growing(rows: Iterable[GrowthRow], key: str = DEFAULT_SORT) -> tuple[GrowthRow, ...]:
    """The rows that have something to show under ``key``, in its order."""
    amount = AMOUNT_BY_KEY.get(key, AMOUNT_BY_KEY[DEFAULT_SORT])
    return tuple(row for row in ordered(rows, key) if amount(row) > 0)
