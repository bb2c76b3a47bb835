"""What one heap consists of, and where its bytes come together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import NodeFlag
from leakhunt.agent.graph_kinds import RootKind
from leakhunt.analysis.paths import PathNamer
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE

LEAST_SHARE = 0.001
"""Part of the live bytes below which a node is not worth a line."""
_PASSED_ON = 0.5
"""A node whose heaviest dominated child retains more than this part of it only leads there."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HeapTotals:
    """Counts and sums over one snapshot."""

    objects: int
    references: int
    """Edges, weak ones included."""
    bytes: int
    """Shallow sizes of all objects."""
    garbage_objects: int
    """Reached from no GC root."""
    garbage_bytes: int
    roots_by_kind: dict[str, int]
    """GC roots: the named ones by kind, then ``native hold`` and ``immortal``."""
    cycle_components: int
    """Groups of objects that reach each other (reference cycles that hang together)."""
    cycle_objects: int
    """Objects in them."""
    farthest: int
    """Greatest distance from a GC root."""


@dataclass(frozen=True, slots=True)
class Accumulation:
    """A node at which retained bytes come together."""

    path: str
    type: str
    shallow_bytes: int
    retained_bytes: int
    dominated: int
    """Nodes that it dominates directly."""
    distance: int


def heap_totals(graph: HeapGraph) -> HeapTotals:
    """O(nodes + edges)."""
    c = graph.columns
    heap = c.heap_count
    is_garbage = graph.dominators[:heap] == NO_NODE
    sizes = c.node_size[:heap]
    members = np.bincount(graph.component)
    inside = members[members > 1]
    reached = graph.distance[graph.distance != NO_NODE]
    return HeapTotals(
        objects=heap,
        references=c.edge_count,
        bytes=int(sizes.sum()),
        garbage_objects=int(np.count_nonzero(is_garbage)),
        garbage_bytes=int(sizes[is_garbage].sum()),
        roots_by_kind=_roots_by_kind(graph),
        cycle_components=len(inside),
        cycle_objects=int(inside.sum()),
        farthest=int(reached.max()) if len(reached) else 0,
    )


def _roots_by_kind(graph: HeapGraph) -> dict[str, int]:
    counts = np.bincount(graph.columns.root_kind, minlength=max(RootKind) + 1)
    found = {
        kind.name.lower().replace("_", " "): int(counts[kind])
        for kind in RootKind
        if kind is not RootKind.NATIVE
    }
    held = graph.held_roots
    immortal = (graph.columns.node_flags[held] & NodeFlag.IMMORTAL) != 0
    found["native hold"] = int(np.count_nonzero(~immortal))
    found["immortal"] = int(np.count_nonzero(immortal))
    return found


def accumulations(graph: HeapGraph, count: int) -> tuple[Accumulation, ...]:
    """The nodes at which most bytes come together: each retains at least 0.1 % of the live bytes,
    and no single thing that it dominates has half of that.  Largest first.

    O(nodes), and O(depth) for each.
    """
    retained, idom = graph.retained_bytes, graph.dominators
    top = idom == graph.node_count
    least = max(1.0, LEAST_SHARE * float(retained[top].sum()))
    heavy = np.flatnonzero(retained >= least)
    heaviest_below = np.zeros(graph.node_count + 1, np.uint64)
    # Only what has half the least can take a candidate's place.
    below = np.flatnonzero(retained >= _PASSED_ON * least)
    np.maximum.at(heaviest_below, idom[below], retained[below])
    is_meeting = heaviest_below[heavy] < _PASSED_ON * retained[heavy]
    meeting = heavy[is_meeting]
    order = np.argsort(retained[meeting], kind="stable")[::-1]
    namer = PathNamer(graph)
    return tuple(_describe(graph, namer, int(node)) for node in meeting[order][:count])


def _describe(graph: HeapGraph, namer: PathNamer, node: int) -> Accumulation:
    return Accumulation(
        path=str(namer.path(node)),
        type=graph.type_name(node),
        shallow_bytes=int(graph.columns.node_size[node]),
        retained_bytes=int(graph.retained_bytes[node]),
        dominated=int(np.count_nonzero(graph.dominators == node)),
        distance=int(graph.distance[node]),
    )
