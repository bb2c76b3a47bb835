"""What a heap was before some of its objects were made: one snapshot read as two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from leakhunt.agent.format import NodeFlag
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.graph.tables import SKIP_WEAK
from leakhunt.store.columns import SnapshotColumns


def before_births(final: SnapshotColumns) -> tuple[SnapshotColumns, SnapshotColumns]:
    """A baseline for a snapshot whose BORN flags tell what came since a moment, and the
    snapshot itself, linked to it.

    In the baseline the newborn are there as unreachable nodes: no edge leads to or from them,
    and the references from them are not counted.  What was freed or let go of in between is in
    neither.  O(nodes + edges).
    """
    born = (final.node_flags & NodeFlag.BORN) != 0
    degree = np.diff(final.edge_offset).astype(np.int64)
    gone = np.repeat(born, degree)
    gone |= born[final.edge_target]
    kinds = final.edge_kind.copy()
    counted = gone & (SKIP_WEAK[kinds] == 0)
    lost = np.bincount(final.edge_target[counted], minlength=final.node_count)
    counts = np.maximum(final.node_refcount.astype(np.int64) - lost[: final.node_count], 0)
    counts[born] = 0
    kinds[gone] = EdgeKind.WEAK
    sequence = _sequence(final) - 1
    header = dict(final.header)
    identity = {**(header.get("identity") or {}), "since": "baseline", "since_sequence": sequence}
    baseline = replace(
        final,
        header={**header, "label": "baseline", "sequence": sequence},
        node_refcount=counts.astype(np.uint32),
        edge_kind=kinds,
        unreached_address=final.unreached_address[:0],
        unreached_type=final.unreached_type[:0],
        unreached_size=final.unreached_size[:0],
        derived={},
    )
    return baseline, replace(final, header={**header, "identity": identity})


def _sequence(columns: SnapshotColumns) -> int:
    value = columns.header.get("sequence")
    return value if isinstance(value, int) else 0
