"""Which node of a later snapshot is which node of an earlier one.

A capture marks what was born since the capture before it; chained, these marks tell for
every object when it came.  Where the chain is broken, address and type are all there is, and
for snapshots of different processes only the place in the tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import NodeFlag
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import I32, I64, NO_NODE, NO_STRING, U64, SnapshotColumns


class LinkKind(IntEnum):
    """How two snapshots are linked, best first."""

    MARKED = 0
    """Birth marks of consecutive epochs."""
    ADDRESS = 1
    """Same process, address and type (birth marks refute, but do not prove)."""
    PLACE = 2
    """Different processes: same path from the roots and same type."""


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A later snapshot against the one before it."""

    kind: LinkKind
    earlier: I32
    """(later.node_count,) id in the earlier snapshot, -1 when not there."""


def link(before: HeapGraph, after: HeapGraph) -> Link:
    """Match two snapshots.  O(nodes); by places O(n log n) vectorised."""
    kind = link_kind(before.columns, after.columns)
    if kind is LinkKind.PLACE:
        return Link(kind, _match_places(before, after))
    return Link(kind, _match_addresses(before, after))


def link_kind(before: SnapshotColumns, after: SnapshotColumns) -> LinkKind:
    """How far the headers let the two be matched.  O(1)."""
    if before is after:
        return LinkKind.ADDRESS
    if before.header.get("process") != after.header.get("process"):
        return LinkKind.PLACE
    identity = after.header.get("identity") or {}
    if identity.get("method", "none") in ("none", "address and type"):
        return LinkKind.ADDRESS
    if identity.get("since") is None:  # births were not watched from the earlier one on
        return LinkKind.ADDRESS
    follows = identity.get("since_sequence") == before.header.get("sequence")
    return LinkKind.MARKED if follows else LinkKind.ADDRESS


def compose(links: Sequence[I32]) -> I32:
    """Chain matchings, latest first: ids in the last one's earlier snapshot.  O(n) each."""
    if len(links) == 1:
        return links[0]
    result = links[0].copy()
    for step in links[1:]:
        _kernels.follow(result, step)
    return result


def _match_addresses(before: HeapGraph, after: HeapGraph) -> I32:
    b, a = before.columns, after.columns
    result = np.full(a.node_count, -1, np.int32)
    # Of another type it is another object: types of one extension may share a free list,
    # which no mark sees.  (An object whose __class__ was assigned counts as a new one.)
    names_b, names_a = (ids.astype(np.uint32) for ids in shared_type_ids(before, after))
    old, new = b.heap_count, a.heap_count
    _kernels.match(
        b.node_address[:old], b.node_type[:old], names_b,
        a.node_address[:new], a.node_type[:new], names_a,
        a.node_flags[:new], 0 if b is a else int(NodeFlag.BORN), result[:new],
    )  # fmt: skip
    _match_roots(before, after, result)
    return result


def shared_type_ids(before: HeapGraph, after: HeapGraph) -> tuple[I64, I64]:
    """For the types of two snapshots, numbers that are equal when the names are.  O(types)."""
    number: dict[str, int] = {}
    ids = [
        np.array(
            [
                number.setdefault(graph.name_of_type(i), len(number))
                for i in range(graph.columns.type_count)
            ],
            np.int64,
        )
        for graph in (before, after)
    ]
    return ids[0], ids[1]


def _match_roots(before: HeapGraph, after: HeapGraph, result: I32) -> None:
    places: dict[tuple[int, str], list[int]] = {}
    b, a = before.columns, after.columns
    for i, kind in enumerate(b.root_kind):
        label = (int(kind), b.string(int(b.root_label[i])))
        places.setdefault(label, []).append(b.heap_count + i)
    for i, kind in enumerate(a.root_kind):
        same = places.get((int(kind), a.string(int(a.root_label[i]))))
        if same:
            result[a.heap_count + i] = same.pop(0)


def _match_places(before: HeapGraph, after: HeapGraph) -> I32:
    hash_b, hash_a = place_hashes(before), place_hashes(after)
    key_b, key_a = _ranked(hash_b), _ranked(hash_a)
    order = np.argsort(key_b, kind="stable")
    result = np.full(after.node_count, -1, np.int32)
    if len(order):
        at = np.minimum(np.searchsorted(key_b[order], key_a), len(order) - 1)
        found = key_b[order][at] == key_a
        found &= before.reachable[order[at]] & after.reachable
        result[found] = order[at[found]]
    return result


def _ranked(hashes: U64) -> U64:
    """Tell apart nodes of one place by their rank, so that the k-th matches the k-th."""
    order = np.argsort(hashes, kind="stable")
    sorted_hashes = hashes[order]
    first = np.searchsorted(sorted_hashes, sorted_hashes, "left")
    rank = np.empty(len(hashes), np.uint64)
    rank[order] = (np.arange(len(hashes)) - first).astype(np.uint64)
    return hashes ^ (rank * np.uint64(0xBF58476D1CE4E5B9))


def place_hashes(graph: HeapGraph) -> U64:
    """(node_count,) hash of the path from the root with the types along it; equal in two
    snapshots read by one process.  O(nodes + strings)."""
    c, tree = graph.columns, graph.tree
    types = np.array([hash(graph.name_of_type(i)) for i in range(c.type_count)], np.int64)
    contribution = types.astype(np.uint64)[c.node_type] if len(types) else np.zeros(0, np.uint64)
    linked = np.flatnonzero(tree.parent != NO_NODE)
    contribution[linked] ^= _edge_hashes(graph, tree.parent_edge[linked])
    for i in range(len(c.root_kind)):
        contribution[c.heap_count + i] = _hash(c.string(int(c.root_label[i])))
    out = np.zeros(graph.node_count, np.uint64)
    _kernels.fold_down(tree.order, tree.parent, contribution, out)
    return out


def _hash(value: object) -> np.uint64:
    return np.uint64(hash(value) & 0xFFFF_FFFF_FFFF_FFFF)


def _edge_hashes(graph: HeapGraph, edges: npt.NDArray[np.uint64]) -> U64:
    c = graph.columns
    kind, name = c.edge_kind[edges], c.edge_name[edges]
    out: U64 = kind.astype(np.uint64) * np.uint64(0x94D049BB133111EB)
    named = np.isin(kind, [EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL]) & (name != NO_STRING)
    values = kind == EdgeKind.VALUE
    for chosen, read in ((named, c.string), (values, graph.key)):
        ids, where = np.unique(name[chosen], return_inverse=True)
        if len(ids):
            out[chosen] ^= np.array([_hash(read(int(i))) for i in ids], np.uint64)[where]
    return out
