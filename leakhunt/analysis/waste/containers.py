"""Containers that hold nothing, or less than half of what they have room for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import Fact
from leakhunt.analysis.waste.places import Places
from leakhunt.analysis.waste.results import ContainerPlace, Containers, ContainerType
from leakhunt.analysis.waste.tables import (
    DEQUE_BLOCK_BYTES,
    DEQUE_BLOCK_ITEMS,
    POINTER_BYTES,
    SET_ENTRY_BYTES,
    SET_SMALL,
    dict_tables,
    smallest_dict_table,
    smallest_set_table,
)
from leakhunt.graph.heap_graph import HeapGraph

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Room:
    """What containers have room for, and what a copy that fits would take."""

    capacity: Ints
    """Entries; 0 where it is not known."""
    fitting_bytes: Ints
    """Of the part that grows."""


def find_containers(graph: HeapGraph, places: Places, top: int | None) -> Containers:
    """Empty and sparsely filled containers among the reachable objects.

    Looked at are objects of exactly the types of ``_MEASURES``; the ``__dict__`` of an object is
    left out.  ``top``: how many places are told; None for all.  O(nodes log nodes).
    """
    c = graph.columns
    index_by_name = {graph.name_of_type(i): i for i in range(c.type_count)}
    entries = _entries(graph)
    found = [
        _Found.of(graph, index_by_name[name], entries, measure)
        for name, measure in _MEASURES.items()
        if name in index_by_name
    ]
    rows = sorted((one.summary() for one in found), key=_type_order)
    return Containers(
        wasted_bytes=sum(int(one.wasted.sum()) for one in found),
        types=tuple(row for row in rows if row.empty_objects or row.sparse_objects),
        places=tuple(_places(places, found, top)),
    )


def _type_order(row: ContainerType) -> tuple[int, str]:
    return -(row.empty_bytes + row.sparse_bytes), row.type


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """The wasteful containers of one type."""

    type: str
    nodes: Ints
    bytes: Ints
    wasted: Ints
    is_empty: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        graph: HeapGraph,
        index: int,
        all_entries: Ints,
        measure: Callable[[Ints, Ints], _Room],
    ) -> _Found:
        """Measure all containers of a type and keep the wasteful ones."""
        c = graph.columns
        mask = (c.node_type == index) & graph.reachable & ~graph.is_namespace
        nodes = np.flatnonzero(mask)
        size = c.node_size[nodes].astype(np.int64)
        extra = size - int(c.type_base_size[index])
        entries = all_entries[nodes]
        room = measure(extra, entries)
        is_empty = entries == 0
        is_sparse = ~is_empty & (2 * entries < room.capacity) & (room.fitting_bytes < extra)
        wasted = np.where(is_empty, size, np.where(is_sparse, extra - room.fitting_bytes, 0))
        keep = is_empty | is_sparse
        name = graph.name_of_type(index)
        return cls(name, nodes[keep], size[keep], wasted[keep], is_empty[keep])

    def summary(self) -> ContainerType:
        """Sums."""
        empty = self.is_empty
        return ContainerType(
            type=self.type,
            empty_objects=int(empty.sum()),
            empty_bytes=int(self.wasted[empty].sum()),
            sparse_objects=int((~empty).sum()),
            sparse_bytes=int(self.wasted[~empty].sum()),
        )


def _entries(graph: HeapGraph) -> Ints:
    """(node_count,) entries: edges to entries, or the LENGTH it states."""
    c = graph.columns
    entries = graph.item_count.astype(np.int64)
    chosen = c.fact_id == Fact.LENGTH
    entries[c.fact_node[chosen]] = c.fact_value[chosen]
    return entries


def _places(places: Places, found: list[_Found], top: int | None) -> list[ContainerPlace]:
    """The worst paths, type by type, empty and sparse apart."""
    rows: list[tuple[int, _Found, Ints, bool]] = []
    for one in found:
        if not len(one.nodes):
            continue
        key = places.of(one.nodes) * 2 + one.is_empty
        order = np.argsort(key, kind="stable")
        cuts = np.flatnonzero(np.diff(key[order])) + 1
        rows += [
            (int(one.wasted[part].sum()), one, part, bool(one.is_empty[part[0]]))
            for part in np.split(order, cuts)
        ]
    rows.sort(key=lambda row: (-row[0], row[1].type, int(row[1].nodes[row[2][0]])))
    return [
        ContainerPlace(
            type=one.type,
            is_empty=is_empty,
            path=places.path(int(one.nodes[part[0]])),
            objects=len(part),
            bytes=int(one.bytes[part].sum()),
            wasted_bytes=wasted,
        )
        for wasted, one, part, is_empty in rows[:top]
    ]


# ---- what each type has room for ----


def _list(extra: Ints, entries: Ints) -> _Room:
    return _Room(extra // POINTER_BYTES, entries * POINTER_BYTES)


def _dict(extra: Ints, entries: Ints) -> _Room:
    """A table of another size than CPython makes belongs to others too: nothing is known."""
    tables = dict_tables()
    at = np.minimum(np.searchsorted(tables.bytes, extra), len(tables.bytes) - 1)
    is_known = tables.bytes[at] == extra
    capacity = np.where(is_known, tables.usable[at], 0)
    return _Room(capacity, smallest_dict_table(entries, tables.entry_bytes[at]))


def _set(extra: Ints, entries: Ints) -> _Room:
    """A set grows when ``5 * entries`` reaches ``3 * (slots - 1)``."""
    slots = np.where(extra > 0, extra // SET_ENTRY_BYTES, SET_SMALL)
    return _Room((3 * (slots - 1) - 1) // 5, smallest_set_table(entries))


def _deque(extra: Ints, entries: Ints) -> _Room:
    blocks = np.maximum(1, -(-entries // DEQUE_BLOCK_ITEMS))
    return _Room(extra // DEQUE_BLOCK_BYTES * DEQUE_BLOCK_ITEMS, blocks * DEQUE_BLOCK_BYTES)


def _bytearray(extra: Ints, entries: Ints) -> _Room:
    """One byte more than its contents, for the final zero."""
    return _Room(np.maximum(extra - 1, 0), entries + 1)


def _unknown(extra: Ints, entries: Ints) -> _Room:
    """Only whether it is empty is told."""
    del entries
    return _Room(np.zeros_like(extra), extra)


_MEASURES: dict[str, Callable[[Ints, Ints], _Room]] = {
    "builtins.list": _list,
    "builtins.dict": _dict,
    "collections.defaultdict": _dict,
    "collections.OrderedDict": _unknown,
    "builtins.set": _set,
    "builtins.frozenset": _set,
    "collections.deque": _deque,
    "builtins.bytearray": _bytearray,
}
