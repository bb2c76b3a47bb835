"""What each of several leaks is answerable for, when they hold objects together.

After J. Vilk and E. D. Berger, "BLeak: automatically debugging memory leaks in web
applications", PLDI 2018 (LeakShare): what would be freed if every leak let go is shared out; an
object that several leaks reach counts for each of them in equal parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.whatif import freed_without
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.subgraph import Subgraph, subgraph
from leakhunt.graph.tables import NO_TIER, SKIP_WEAK

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Leak:
    """References that should not be there: from some objects to others."""

    sources: Ints
    direct: Ints
    """What they hold."""


def leak_shares(graph: HeapGraph, leaks: Sequence[Leak]) -> list[float]:
    """Bytes each leak is answerable for; together, what is freed when all let go.

    O(nodes + edges) once, and O(what is freed and its edges) for each leak.
    """
    if not leaks:
        return []
    edges = [references(graph, leak) for leak in leaks]
    freed, _ = freed_without(graph, np.unique(np.concatenate(edges)))
    part = subgraph(graph, np.flatnonzero(freed))
    reached = [_reached(part, leak.direct[freed[leak.direct]]) for leak in leaks]
    holders = np.sum(reached, axis=0)
    size = graph.columns.node_size[part.nodes].astype(np.float64)
    share = np.divide(size, holders, out=np.zeros_like(size), where=holders > 0)
    return [float(share[mask].sum()) for mask in reached]


def references(graph: HeapGraph, leak: Leak) -> Ints:
    """Strong edges from the sources of a leak to what it holds.  O(edges of the sources)."""
    edges, _ = graph.expand(np.unique(leak.sources))
    is_direct = np.zeros(graph.node_count, np.bool_)
    is_direct[leak.direct] = True
    c = graph.columns
    hits = is_direct[c.edge_target[edges]] & (SKIP_WEAK[c.edge_kind[edges]] == 0)
    found: Ints = edges[hits]
    return found


def _reached(part: Subgraph, seeds: Ints) -> npt.NDArray[np.bool_]:
    """(part.count,) what some nodes reach inside a part of the graph."""
    n = part.count
    tier = np.full(n, NO_TIER, np.uint8)
    _kernels.explore(
        part.edge_offset, part.edge_target, part.edge_kind, SKIP_WEAK, np.zeros(n, np.uint8),
        part.ids(seeds).astype(np.uint32), 0, np.zeros(n, np.uint32), np.zeros(n, np.uint64),
        np.zeros(n, np.uint32), tier, np.zeros(n, np.uint32), 0,
    )  # fmt: skip
    found: npt.NDArray[np.bool_] = tier != NO_TIER
    return found
