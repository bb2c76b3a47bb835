"""Heaps of a million objects, made of arrays rather than drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import SnapshotColumns
from tests.builders import Heap, Obj


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


def heap_of_links(count: int, *, is_ring: bool) -> tuple[HeapGraph, int]:
    """A chain of objects below ``shop.HEAD``, or a ring of them; and the last link."""
    heap = Heap()
    head = heap.object("shop.Link")
    heap.module("shop", HEAD=head.set(next=heap.object("shop.Link")))
    c = heap.snap()
    first, second = (int(v) for v in np.flatnonzero(c.node_type == c.node_type[_node(c, head)]))
    (link,) = np.flatnonzero((c.edge_target == second) & (c.edge_kind == EdgeKind.ATTR))
    # New links come behind the drawn objects and before the roots.
    h, n, extra = c.heap_count, c.node_count, count - 2

    def shift(ids: np.ndarray) -> np.ndarray:
        return np.where(ids >= h, ids + extra, ids)

    degree = np.diff(c.edge_offset.astype(np.int64))
    degree[second] = 1
    degree = np.concatenate([degree[:h], np.ones(extra, np.int64), degree[h:]])
    if not is_ring:
        degree[h + extra - 1] = 0
    offset = np.concatenate([[0], np.cumsum(degree)])
    total = int(offset[-1])
    target, kind, name = (np.zeros(total, np.uint32) for _ in range(3))
    for v in range(n):
        old = slice(int(c.edge_offset[v]), int(c.edge_offset[v + 1]))
        at = int(offset[v if v < h else v + extra])
        new = slice(at, at + old.stop - old.start)
        target[new], kind[new], name[new] = shift(c.edge_target[old]), c.edge_kind[old], 0
        keyed = c.edge_kind[old] == EdgeKind.VALUE
        name[new] = np.where(keyed, shift(c.edge_name[old]), c.edge_name[old])
    links = np.concatenate([[second], np.arange(h, h + extra)])
    after = np.concatenate([links[1:], [first]])
    kept = slice(None) if is_ring else slice(0, -1)
    at = offset[links][kept]
    target[at], kind[at], name[at] = after[kept], EdgeKind.ATTR, c.edge_name[link]

    def more(column: np.ndarray, value: int) -> np.ndarray:
        return np.concatenate([column[:h], np.full(extra, value, column.dtype), column[h:]])

    columns = replace(
        c,
        node_address=np.concatenate(
            [c.node_address[:h], c.node_address[h - 1] + 64 * np.arange(1, extra + 1),
             c.node_address[h:]]
        ).astype(np.uint64),
        node_type=more(c.node_type, int(c.node_type[first])),
        node_size=more(c.node_size, 48),
        node_refcount=more(c.node_refcount, 1),
        node_flags=more(c.node_flags, 0),
        edge_offset=offset.astype(np.uint64),
        edge_target=target,
        edge_kind=kind.astype(np.uint8),
        edge_name=name,
    )  # fmt: skip
    if is_ring:
        columns.node_refcount[first] += 1
    return HeapGraph(columns), h + extra - 1


def _node(columns: SnapshotColumns, made: Obj) -> int:
    return int(np.searchsorted(columns.node_address[: columns.heap_count], made.address))
