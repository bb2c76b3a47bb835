"""The shortest way from a GC root to an object, some retainers left out of account.

A search backwards over the referrers of one object: it ends at the first root, so that it need
not look at the whole heap as a cut graph would.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE, U32

Ints = npt.NDArray[np.int64]


def route(graph: HeapGraph, node: int, ignored: Collection[int]) -> list[int] | None:
    """Nodes from a root to ``node``, none of them ignored; None when every way leads through
    those: it would be freed without them.

    What C code alone holds ends a way too.  O(edges into all that keeps it), vectorised.
    """
    seen = np.zeros(graph.node_count, np.bool_)
    seen[list(ignored)] = True
    seen[node] = True
    levels: list[tuple[U32, Ints]] = [(np.array([node], np.uint32), np.zeros(1, np.int64))]
    while len(levels[-1][0]):
        frontier = levels[-1][0]
        ends = _ends(graph, frontier)
        if len(ends):
            return _walk(levels, int(ends[0]))
        levels.append(_referrers(graph, frontier, seen))
    return None


def _ends(graph: HeapGraph, nodes: U32) -> Ints:
    """Places of nodes at which a way may begin: roots, else what only C code holds."""
    is_root = nodes >= graph.columns.heap_count
    is_seed = (graph.tree.parent[nodes] == NO_NODE) & (graph.distance[nodes] != NO_NODE)
    order = np.lexsort((graph.tree.tier[nodes], ~is_root))
    found: Ints = order[(is_root | is_seed)[order]]
    return found


def _referrers(graph: HeapGraph, frontier: U32, seen: npt.NDArray[np.bool_]) -> tuple[U32, Ints]:
    """What refers to the frontier and was not seen; and to which of it."""
    back, source = graph.reverse
    start = back[frontier].astype(np.int64)
    count = back[frontier + np.uint32(1)].astype(np.int64) - start
    owner = np.repeat(np.arange(len(frontier), dtype=np.int64), count)
    first = np.repeat(start - (np.cumsum(count) - count), count)
    nodes = source[first + np.arange(len(owner), dtype=np.int64)]
    fresh = ~seen[nodes] & (graph.distance[nodes] != NO_NODE)
    nodes, place = np.unique(nodes[fresh], return_index=True)
    seen[nodes] = True
    return nodes.astype(np.uint32), owner[fresh][place]


def _walk(levels: list[tuple[U32, Ints]], at: int) -> list[int]:
    """From an end back to where the search began."""
    way = []
    for nodes, owner in reversed(levels):
        way.append(int(nodes[at]))
        at = int(owner[at])
    return way
