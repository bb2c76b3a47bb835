"""Equal immutable values that are more than one object."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import Fact, NodeFlag
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.trend.texts import mix
from leakhunt.analysis.waste.places import Places
from leakhunt.analysis.waste.results import Duplicates, DuplicateType, DuplicateValue
from leakhunt.graph.heap_graph import HeapGraph, Mask
from leakhunt.store.columns import U64

NESTING_MAX = 64
"""Tuples nested deeper are compared by identity."""
_VALUES = ("builtins.str", "builtins.bytes", "builtins.int", "builtins.float")
_SEQUENCES = ("builtins.tuple", "builtins.frozenset")
_BY_IDENTITY, _BY_VALUE, _BY_MEMBERS = (np.uint64(i) for i in (11, 12, 13))

Ints = npt.NDArray[np.int64]


def has_content(graph: HeapGraph) -> bool:
    """Does the snapshot hold hashes of values?  O(facts)."""
    return bool((graph.columns.fact_id == Fact.CONTENT).any())


def find_duplicates(graph: HeapGraph, places: Places, top: int | None) -> Duplicates:
    """Values of reachable objects that occur more than once.

    Equal are: str, bytes, int and float objects (of exactly these types) of one type and one
    value (floats by their bits), and tuples and frozensets whose members are equal or the same.
    ``top``: how many values are told one by one; None for all.  O(edges log edges).
    """
    classes, is_compared = value_classes(graph)
    nodes = np.flatnonzero(is_compared & graph.reachable)
    groups = _Groups(graph, nodes, classes[nodes])
    uncompared = np.flatnonzero(
        _has_type(graph, _VALUES) & ~is_compared & graph.reachable & _is_mortal(graph)
    )
    return Duplicates(
        wasted_bytes=int(groups.wasted.sum()),
        types=groups.by_type(),
        values=tuple(groups.value(i, places) for i in groups.worst(top)),
        uncompared_objects=len(uncompared),
        uncompared_bytes=int(graph.columns.node_size[uncompared].sum()),
    )


def value_classes(graph: HeapGraph) -> tuple[U64, Mask]:
    """(node_count,) a number that equal values share, and whether a node has a value.

    Tuples come after their members, nesting by nesting; what is no value is equal to itself
    alone.  Two different values share a number by accident only, with 64 bits against it.
    """
    c, n = graph.columns, graph.node_count
    classes = mix(np.arange(n, dtype=np.uint64), np.full(n, _BY_IDENTITY, np.uint64))
    compared = np.zeros(n, np.bool_)
    chosen = c.fact_id == Fact.CONTENT
    nodes = c.fact_node[chosen]
    hashes = c.fact_value[chosen].astype(np.uint64)
    kind = np.full(len(nodes), _BY_VALUE, np.uint64)
    classes[nodes] = mix(mix(hashes, c.node_type[nodes].astype(np.uint64)), kind)
    compared[nodes] = True
    pending = np.flatnonzero(_has_type(graph, _SEQUENCES))
    is_waiting = np.zeros(n, np.bool_)
    is_waiting[pending] = True
    for _ in range(NESTING_MAX):
        if not len(pending):
            break
        edges, owner = _members(graph, pending)
        blocked = np.bincount(
            owner, is_waiting[c.edge_target[edges]], minlength=len(pending)
        ).astype(np.bool_)
        ready = ~blocked
        if not ready.any():
            break
        found = _classes_of(graph, pending, edges, owner, classes)
        classes[pending[ready]] = found[ready]
        compared[pending[ready]] = True
        is_waiting[pending[ready]] = False
        pending = pending[blocked]
    return classes, compared


def _members(graph: HeapGraph, nodes: Ints) -> tuple[Ints, Ints]:
    """Edges to the members of tuples and frozensets, and the position of their owner."""
    edges, owner = graph.expand(nodes)
    kind = graph.columns.edge_kind[edges]
    inner = (kind == EdgeKind.INDEX) | (kind == EdgeKind.ELEMENT)
    return edges[inner], owner[inner]


def _classes_of(graph: HeapGraph, nodes: Ints, edges: Ints, owner: Ints, classes: U64) -> U64:
    """A sum over the members: each with its index in a tuple, without in a frozenset."""
    c = graph.columns
    is_index = c.edge_kind[edges] == EdgeKind.INDEX
    place = np.where(is_index, c.edge_name[edges].astype(np.uint64) + np.uint64(1), np.uint64(0))
    terms = mix(classes[c.edge_target[edges]], place)
    total = np.zeros(len(nodes), np.uint64)
    with np.errstate(over="ignore"):
        np.add.at(total, owner, terms)
    length = np.bincount(owner, minlength=len(nodes)).astype(np.uint64)
    own = mix(c.node_type[nodes].astype(np.uint64), length)
    return mix(mix(total, own), np.full(len(nodes), _BY_MEMBERS, np.uint64))


class _Groups:
    """Nodes of equal values, only those that are more than one."""

    def __init__(self, graph: HeapGraph, nodes: Ints, classes: U64) -> None:
        self.graph = graph
        order = np.argsort(classes, kind="stable")
        nodes, classes = nodes[order], classes[order]
        starts = np.ones(len(nodes), np.bool_)
        starts[1:] = classes[1:] != classes[:-1]
        number = np.cumsum(starts) - 1
        count = np.bincount(number, minlength=1)
        several = count[number] > 1 if len(nodes) else starts
        self.nodes = nodes[several]
        starts = starts[several]
        self.start = np.flatnonzero(starts)
        self.count = np.diff(np.append(self.start, len(self.nodes)))
        self.wasted = self._wasted()

    def _wasted(self) -> Ints:
        """Bytes beyond one object: the largest stays, or one that is immortal anyway."""
        if not len(self.start):
            return np.zeros(0, np.int64)
        mortal = _is_mortal(self.graph)[self.nodes]
        size = np.where(mortal, self.graph.columns.node_size[self.nodes].astype(np.int64), 0)
        total = np.add.reduceat(size, self.start)
        largest = np.maximum.reduceat(size, self.start)
        has_immortal = np.logical_or.reduceat(~mortal, self.start)
        result: Ints = np.where(has_immortal, total, total - largest)
        return result

    def worst(self, top: int | None) -> list[int]:
        """Groups by wasted bytes, the most first."""
        order = np.lexsort((self.nodes[self.start], -self.wasted))
        order = order[self.wasted[order] > 0]
        found: list[int] = order[:top].tolist()
        return found

    def value(self, group: int, places: Places) -> DuplicateValue:
        """One group in words."""
        start = int(self.start[group])
        nodes = self.nodes[start : start + int(self.count[group])]
        path, there = places.most_common(nodes)
        return DuplicateValue(
            type=self.graph.type_name(int(nodes[0])),
            text=_text(self.graph, nodes),
            objects=len(nodes),
            wasted_bytes=int(self.wasted[group]),
            path=path,
            path_objects=there,
        )

    def by_type(self) -> tuple[DuplicateType, ...]:
        """Sums by type, most wasted bytes first."""
        types = self.graph.columns.node_type[self.nodes[self.start]]
        found = [
            DuplicateType(
                type=self.graph.name_of_type(one),
                values=int((types == one).sum()),
                objects=int(self.count[types == one].sum()),
                wasted_bytes=int(self.wasted[types == one].sum()),
            )
            for one in np.unique(types).tolist()
        ]
        return tuple(sorted(found, key=lambda row: (-row.wasted_bytes, row.type)))


def _text(graph: HeapGraph, nodes: Ints) -> str | None:
    """The text of the first of them that the snapshot knows."""
    for node in nodes[:100].tolist():
        key = graph.key(node)
        if key is not None:
            return str(key)
    return None


def _has_type(graph: HeapGraph, names: tuple[str, ...]) -> Mask:
    """(node_count,) nodes of exactly these types."""
    c = graph.columns
    wanted = [i for i in range(c.type_count) if graph.name_of_type(i) in names]
    mask: Mask = np.isin(c.node_type, wanted)
    return mask


def _is_mortal(graph: HeapGraph) -> Mask:
    mask: Mask = (graph.columns.node_flags & (NodeFlag.IMMORTAL | NodeFlag.ROOT)) == 0
    return mask
