"""What is derived from a snapshot once and kept: the columns, and how they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import SnapshotColumns
from leakhunt.store.layout import ColumnSpec

VERSION = 2
"""Counts up when a derived column changes its meaning: older caches are then made again."""

Arrays = Mapping[str, npt.NDArray[Any]]
OnStep = Callable[[str, int, int], None]
"""Called before each step with its name, how many are done, and how many there are; what it
raises ends the work."""


def _spec(name: str, dtype: str, axis: str, unit: str, doc: str) -> ColumnSpec:
    return ColumnSpec(f"derived_{name}", dtype, axis, unit, doc)


DERIVED = (
    _spec("reverse_offset", "<u8", "node+1", "edge", "first referrer of each node"),
    _spec("reverse_source", "<u4", "strong edge", "node id", "referrers, by what they refer to"),
    _spec("distance", "<u4", "node", "edges", "fewest from a GC root; 4294967295 for garbage"),
    _spec("dominator", "<u4", "node", "node id", "immediate dominator; the node count for none"),
    _spec("retained", "<u8", "node", "bytes", "freed if the node went; 0 for garbage"),
    _spec("component", "<u4", "node", "number", "strongly connected component"),
    _spec("tree_parent", "<u4", "node", "node id", "in the tree of blame; 4294967295 for none"),
    _spec("tree_parent_edge", "<u8", "node", "edge", "from the parent"),
    _spec("tree_distance", "<u4", "node", "edges", "from the seed"),
    _spec("tree_tier", "|u1", "node", "tier", "which roots claimed it; 255 for none"),
    _spec("tree_order", "<u4", "reachable", "node id", "as they were reached"),
)  # fmt: skip
"""The columns that :func:`derive` makes, beside those of a snapshot in its cache."""


def derive(graph: HeapGraph, on_step: OnStep = lambda _name, _done, _total: None) -> Arrays:
    """Compute every derived column of a graph.  O(nodes + edges); the graph keeps them too."""
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("shortest paths", lambda: graph.tree),
        ("referrers", lambda: graph.reverse),
        ("distances", lambda: graph.distance),
        ("dominators and retained sizes", lambda: graph.dominators),
        ("reference cycles", lambda: graph.component),
    )
    for done, (name, step) in enumerate(steps):
        on_step(name, done, len(steps))
        step()
    offset, source = graph.reverse
    tree = graph.tree
    arrays: list[npt.NDArray[Any]] = [
        offset, source, graph.distance, graph.dominators, graph.retained_bytes, graph.component,
        tree.parent, tree.parent_edge, tree.distance, tree.tier, tree.order,
    ]  # fmt: skip
    return {spec.name: array for spec, array in zip(DERIVED, arrays, strict=True)}


def with_derived(columns: SnapshotColumns, arrays: Arrays) -> SnapshotColumns:
    """Columns whose graph has its derived columns already.  O(1).

    Raises:
        ValueError: a column is missing, or has not the length it must have.
    """
    length_by_axis = {"node": columns.node_count, "node+1": columns.node_count + 1}
    for spec in DERIVED:
        expected = length_by_axis.get(spec.axis)
        if spec.name not in arrays or (expected is not None and len(arrays[spec.name]) != expected):
            raise ValueError(f"column {spec.name} is missing or has a wrong length")
    return replace(columns, derived={spec.name: arrays[spec.name] for spec in DERIVED})


def scratch_bytes(nodes: int, edges: int) -> int:
    """Most memory :func:`derive` needs beside the columns: its results and what it works with."""
    results = nodes * (8 + 4 + 4 + 8 + 4 + 4 + 8 + 4 + 1 + 4) + edges * 4
    return results + nodes * 16 + edges * 12
