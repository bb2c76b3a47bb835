"""Heaps of a million objects, made of arrays rather than drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from leakhunt.agent.format import EdgeKind
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap


def heap_with_a_popular_node(referrers: int) -> tuple[HeapGraph, int]:
    """Many objects held by C code that all refer to one more; and that one."""
    heap = Heap()
    heap.module("shop", X=heap.list(heap.object("shop.Referrer")))
    c = heap.snap()
    at = next(i for i in range(c.type_count) if c.type_string(i) == "shop.Referrer")
    base, n = c.node_count, referrers
    popular = n  # the new objects come first; the drawn ones and the roots keep their order
    shift = n + 1
    degree = np.concatenate([np.ones(n, np.uint64), [np.uint64(0)], np.diff(c.edge_offset)])
    target = np.concatenate([np.full(n, popular), c.edge_target + shift]).astype(np.uint32)
    keyed = c.edge_kind == EdgeKind.VALUE
    names = np.where(keyed, c.edge_name + shift, c.edge_name)
    kinds = np.concatenate([np.full(n, EdgeKind.HIDDEN), c.edge_kind]).astype(np.uint8)
    columns = replace(
        c,
        node_address=np.concatenate([np.arange(16, 16 * (n + 2), 16), c.node_address]).astype(
            np.uint64
        ),
        node_type=np.concatenate([np.full(n + 1, at), c.node_type]).astype(np.uint32),
        node_size=np.concatenate([np.full(n + 1, 48), c.node_size]).astype(np.uint64),
        node_refcount=np.concatenate([np.ones(n), [n], c.node_refcount]).astype(np.uint32),
        node_flags=np.concatenate([np.zeros(n + 1), c.node_flags]).astype(np.uint8),
        edge_offset=np.concatenate([[0], np.cumsum(degree)]).astype(np.uint64),
        edge_target=target,
        edge_kind=kinds,
        edge_name=np.concatenate([np.zeros(n), names]).astype(np.uint32),
        string_node=np.where(c.string_node < base, c.string_node + shift, c.string_node),
    )
    return HeapGraph(columns), popular
