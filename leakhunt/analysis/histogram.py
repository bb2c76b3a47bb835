"""Objects and bytes by type.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leakhunt.store.columns import SnapshotColumns


@dataclass(frozen=True, slots=True)
class TypeTotal:
    """All objects of one type."""

    count: int
    bytes: int
    """Shallow sizes."""


def totals_by_type(columns: SnapshotColumns) -> dict[str, TypeTotal]:
    """Count and bytes by the name of the type; types of one name are added up.  O(nodes)."""
    n = columns.heap_count
    kinds = columns.node_type[:n].astype(np.int64)
    counts = np.bincount(kinds, minlength=columns.type_count)
    # Exact below 2**53 bytes in one type.
    sizes = np.bincount(kinds, columns.node_size[:n], minlength=columns.type_count)
    found: dict[str, TypeTotal] = {}
    for i in np.flatnonzero(counts):
        name = columns.type_string(int(i))
        before = found.get(name, TypeTotal(0, 0))
        found[name] = TypeTotal(before.count + int(counts[i]), before.bytes + int(sizes[i]))
    return found
