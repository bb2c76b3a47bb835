"""One heap in words: what the screens say of a node.  Every answer is for one object."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import NodeFlag
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.analysis.callables import function_of
from leakhunt.analysis.neighbours import Neighbours
from leakhunt.analysis.paths import PathNamer
from leakhunt.analysis.resolve import Resolver
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE
from leakhunt.tui.model.ages import Ages

Ints = npt.NDArray[np.int64]

_ITEMS: Final = (EdgeKind.INDEX, EdgeKind.VALUE, EdgeKind.ELEMENT)
_CALLABLES: Final = ("builtins.function", "builtins.method", "functools.partial")
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
        _ = (
            self.namer,
            self._module_names,
            self._namespaces,
            self.graph.retained_bytes,
            self.graph.reverse,
            self.graph.tree,
        )

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
        if node in self._module_names:
            return self._module_names[node]
        key = graph.key(node)
        if key is not None:
            return repr(key)
        kind = graph.type_name(node)
        if kind in ("builtins.type", "abc.ABCMeta"):
            return graph.name_of_type_object(node) or ""
        code = function_of(graph, node) if kind in _CALLABLES else None
        return "" if code is None or code.function == "?" else code.function

    def place(self, node: int) -> str:
        """File and line of what a callable runs; empty for all else.  O(degree)."""
        is_callable = self.graph.type_name(node) in _CALLABLES
        code = function_of(self.graph, node) if is_callable else None
        if code is None or code.file == "?":
            return ""
        return code.file if code.line is None else f"{code.file}:{code.line}"

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

    def path_along(self, way: list[int]) -> str:
        """A way of nodes from a root on, written as a path.  O(length)."""
        steps = [(int(self.graph.edges_between(a, b)[-1]), b) for a, b in pairwise(way)]
        return str(self.namer.path_through(way[0], steps))

    def title(self, node: int) -> str:
        """A short word for it: its name when it has one, else its type without the module."""
        kind = self.type_of(node).rpartition(".")[2]
        value = self.value(node)
        return f"{kind} {value}" if value else kind

    def start_of(self, node: int) -> int:
        """Where its retaining path begins.  O(depth)."""
        parent = self.graph.tree.parent
        while int(parent[node]) != NO_NODE:
            node = int(parent[node])
        return node

    def container_above(self, node: int) -> int | None:
        """The nearest object on its retaining path that holds it as an entry.  O(depth)."""
        tree = self.graph.tree
        while int(tree.parent[node]) != NO_NODE:
            edge, node = int(tree.parent_edge[node]), int(tree.parent[node])
            if self.graph.kind(edge) in _ITEMS and not self._is_namespace(node):
                return node
        return None

    def _is_namespace(self, node: int) -> bool:
        return node in self._namespaces

    @cached_property
    def _namespaces(self) -> frozenset[int]:
        plan = self.graph.plan
        found = {namespace for _, namespace in plan.modules.values()}
        return frozenset(found if plan.sys_modules is None else {*found, plan.sys_modules})

    @cached_property
    def _module_names(self) -> dict[int, str]:
        return {node: name for name, (node, _) in self.graph.plan.modules.items()}

    @property
    def identity(self) -> str:
        """Which snapshot it is: addresses mean something in it only."""
        header = self.graph.columns.header
        process = header.get("process") or {}
        parts = (
            *(process.get(key) for key in ("boot_id", "pid", "start_ticks")),
            header.get("sequence"),
        )
        return "/".join(str(part) for part in parts)

    def address(self, node: int) -> int:
        """Its address; 0 for a root."""
        return int(self.graph.columns.node_address[node])

    def key(self, node: int) -> str:
        """What the notebook knows it by."""
        return f"@{self.address(node):#x}"

    def at_address(self, address: int) -> int | None:
        """The object at an address.  O(log nodes)."""
        if not 0 <= address < 1 << 64:
            return None
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

    def at_key(self, key: str) -> int | None:
        """The object a key of the notebook is about; None for other keys."""
        try:
            return self.at_address(int(key[1:], 16)) if key.startswith("@") else None
        except ValueError:
            return None

    # ---- many ----

    @cached_property
    def count_by_type(self) -> dict[str, int]:
        """Objects by type, commonest first.  O(nodes) vectorised once."""
        c = self.graph.columns
        count = np.bincount(c.node_type[: c.heap_count], minlength=c.type_count)
        found: dict[str, int] = {}
        for t in np.argsort(-count, kind="stable").tolist():
            if count[t]:
                name = self.graph.name_of_type(t)
                found[name] = found.get(name, 0) + int(count[t])
        return found

    def of_type(self, type_name: str) -> Ints:
        """Instances of a type, by id.  O(nodes) vectorised."""
        c = self.graph.columns
        types = [t for t in range(c.type_count) if self.graph.name_of_type(t) == type_name]
        if len(types) == 1:
            return np.flatnonzero(c.node_type[: c.heap_count] == types[0])
        return np.flatnonzero(np.isin(c.node_type[: c.heap_count], types))
