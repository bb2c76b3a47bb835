"""Comparing snapshots column by column."""

from __future__ import annotations

import numpy as np

from leakhunt.store.columns import SnapshotColumns
from leakhunt.store.layout import COLUMNS


def assert_same_columns(left: SnapshotColumns, right: SnapshotColumns) -> None:
    """Same values and types in every column, same header and footer."""
    for spec in COLUMNS:
        a, b = getattr(left, spec.name), getattr(right, spec.name)
        assert a.dtype == b.dtype == np.dtype(spec.dtype), spec.name
        assert a.tolist() == b.tolist(), spec.name
    assert left.header == right.header
    assert left.footer == right.footer
