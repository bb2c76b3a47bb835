"""The memory bills of a hunt: one for each snapshot, and how a part grew."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from leakhunt.analysis.bill import Bill, bill_of, owned_by_objects
from leakhunt.analysis.comparison import Comparison
from leakhunt.analysis.places import Series
from leakhunt.graph.heap_graph import HeapGraph

STAGES = ("baseline", "window", "loaded", "final")

Bills = Mapping[str, Bill]
"""By the name of the snapshot; without those that have no figures."""


def bill_of_graph(graph: HeapGraph) -> Bill | None:
    """The bill of one snapshot, None when it has no figures.  O(nodes + edges)."""
    memory = graph.columns.footer.get("memory")
    if memory is None:
        return None
    sizes = graph.columns.node_size[: graph.columns.heap_count]
    garbage = int(sizes[~graph.reachable[: graph.columns.heap_count]].sum(dtype=np.uint64))
    return bill_of(memory, owned_by_objects(graph.columns, garbage))


def bills_of(comparison: Comparison) -> dict[str, Bill]:
    """The bill of each snapshot of a hunt."""
    found = {
        name: bill_of_graph(stage.graph)
        for name in STAGES
        if (stage := comparison.stage(name)) is not None
    }
    return {name: bill for name, bill in found.items() if bill is not None}


def part_series(bills: Bills, part: str) -> Series | None:
    """One part over the snapshots; None unless it is known at the baseline and in the end."""
    values = [bills[name].part(part) if name in bills else None for name in STAGES]
    if values[0] is None or values[3] is None:
        return None
    return Series("bytes", *values)
