"""What of a snapshot's memory is wasted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from leakhunt.hunt.inputs import refuse_pipe

if TYPE_CHECKING:
    from leakhunt.analysis.waste.results import Waste


def find_waste_in(path: Path, top: int | None = 10) -> Waste:
    """Equal values, empty and sparse containers, and needless dicts of one snapshot, or of the
    final one of a saved hunt.

    ``top``: values and places told one by one; None for all.  Equal values are known to snapshots
    that were captured with hashes (``--content``).  Raises SnapshotError, UsageError.
    """
    from leakhunt.analysis.waste.find import find_waste
    from leakhunt.graph.heap_graph import HeapGraph
    from leakhunt.hunt.case import snapshot_of
    from leakhunt.hunt.heaps import open_columns

    refuse_pipe(path)
    return find_waste(HeapGraph(open_columns(snapshot_of(path))), top)
