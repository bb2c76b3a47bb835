"""One heap in words: what the screens say of a node.  Every answer is for one object."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import EdgeKind, NodeFlag, RootKind
from leakhunt.analysis.neighbours import Neighbours
from leakhunt.analysis.paths import PathNamer
from leakhunt.analysis.resolve import Resolver
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE
from leakhunt.tui.model.ages import Ages

Ints = npt.NDArray[np.int64]

_ITEMS: Final = (EdgeKind.INDEX, EdgeKind.VALUE, EdgeKind.ELEMENT)
_COUNTED: Final = 1_000_000
"""Edges of one node that are looked at to count its entries."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of one node; raw, not yet escaped."""

    type: str
    value: str
    """Its text, number or name when that is known; else empty."""
    size_bytes: int
    retained_bytes: int
    entries: int | None
    age: str


class HeapView:
    """A heap graph with what naming its nodes needs."""

    def __init__(self, graph: HeapGraph, ages: Ages | None = None) -> None:
        self.graph = graph
        self.neighbours = Neighbours(graph)
        self.ages = ages or Ages({})

    @cached_property
    def namer(self) -> PathNamer:
        """Writes paths.  O(types + modules) once."""
        return PathNamer(self.graph)

    @cached_property
    def resolver(self) -> Resolver:
        """Reads paths."""
        return Resolver(self.graph, self.namer)

    def warm(self) -> None:
        """Do now, in a worker, what the first answer would wait for."""
        _ = self.namer, self.graph.retained_bytes, self.graph.reverse, self.graph.tree

    # ---- one node ----

    def words(self, node: int) -> Words:
        """All that a line shows.  O(degree), O(log nodes)."""
        graph = self.graph
        return Words(
            type=self.type_of(node),
            value=self.value(node),
            size_bytes=int(graph.columns.node_size[node]),
            retained_bytes=int(graph.retained_bytes[node]),
            entries=self.entries(node),
            age=self.ages.of(node),
        )

    def type_of(self, node: int) -> str:
        """``module.QualName`` of its type; of a root, its kind."""
        graph = self.graph
        if not graph.is_root(node):
            return graph.type_name(node)
        kind = RootKind(int(graph.columns.root_kind[node - graph.columns.heap_count]))
        return kind.name.lower().replace("_", " ")

    def value(self, node: int) -> str:
        """Text of a str, number of an int, name of a class, module or root.  O(log n)."""
        graph = self.graph
        if graph.is_root(node):
            return self.namer.root_text(node)
        key = graph.key(node)
        if key is not None:
            return repr(key)
        if graph.type_name(node) in ("builtins.type", "abc.ABCMeta"):
            return graph.name_of_type_object(node) or ""
        return ""

    def entries(self, node: int) -> int | None:
        """Entries of a container, None when it is none.  O(degree), for a million at most."""
        graph = self.graph
        span = graph.edges(node)
        if graph.is_root(node) or not len(span):
            return None
        kinds = graph.columns.edge_kind[span.start : span.start + min(len(span), _COUNTED)]
        count = int(np.isin(kinds, _ITEMS).sum())
        return count or None

    def path(self, node: int) -> str:
        """How a person would write it; of garbage, its type and address.  O(depth)."""
        if not self.is_reachable(node):
            return f"<garbage> {self.type_of(node)} @{self.address(node):#x}"
        return str(self.namer.path(node))

    def address(self, node: int) -> int:
        """Its address; 0 for a root."""
        return int(self.graph.columns.node_address[node])

    def key(self, node: int) -> str:
        """What the notebook knows it by."""
        return f"@{self.address(node):#x}"

    def at_address(self, address: int) -> int | None:
        """The object at an address.  O(log nodes)."""
        c = self.graph.columns
        addresses = c.node_address[: c.heap_count]
        at = int(np.searchsorted(addresses, np.uint64(address)))
        found = at < len(addresses) and int(addresses[at]) == address
        return at if found else None

    def is_reachable(self, node: int) -> bool:
        """Does a root or a native hold reach it?  O(1)."""
        return self.graph.is_root(node) or int(self.graph.distance[node]) != NO_NODE

    def native_references(self, node: int) -> int:
        """References counted and found on no edge; 0 where that means nothing.  O(1)."""
        c = self.graph.columns
        if self.graph.is_root(node) or int(c.node_flags[node]) & NodeFlag.IMMORTAL:
            return 0
        return max(int(c.node_refcount[node]) - len(self.graph.referrers(node)), 0)

    # ---- many ----

    def of_type(self, type_name: str) -> Ints:
        """Instances of a type, by id.  O(nodes) vectorised."""
        c = self.graph.columns
        types = [t for t in range(c.type_count) if self.graph.name_of_type(t) == type_name]
        if len(types) == 1:
            return np.flatnonzero(c.node_type[: c.heap_count] == types[0]).astype(np.int64)
        return np.flatnonzero(np.isin(c.node_type[: c.heap_count], types)).astype(np.int64)
