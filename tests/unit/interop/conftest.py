from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.interop.heapsnapshot.check import check_heapsnapshot
from leakhunt.interop.heapsnapshot.ids import ObjectIds
from leakhunt.interop.heapsnapshot.rows import Rows
from leakhunt.interop.heapsnapshot.writer import write_heapsnapshot
from leakhunt.store.columns import SnapshotColumns
from tests.heapsnapshot_view import View, view

Export = Callable[..., list[View]]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Write snapshots of one case, check the files, and read them slowly."""

    def write(*snapshots: SnapshotColumns) -> list[View]:
        ids = ObjectIds()
        views = []
        for i, columns in enumerate(snapshots):
            path = tmp_path / f"{i}.heapsnapshot"
            written = write_heapsnapshot(path, Rows(HeapGraph(columns), ids))
            checked = check_heapsnapshot(path)
            assert checked.is_ours
            assert (checked.node_count, checked.edge_count) == (
                written.node_count, written.edge_count,
            )  # fmt: skip
            views.append(view(path))
        return views

    return write
