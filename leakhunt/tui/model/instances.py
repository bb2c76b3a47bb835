"""The instances of a type, or any other objects, as rows: made when they are seen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from leakhunt.report import units
from leakhunt.store.columns import NO_NODE
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.widgets.words import Cell, name

Ints = npt.NDArray[np.int64]

SORTS: Final = ("address", "size", "retained", "age")
_DEEP: Final = 48
"""Steps of a path that a row writes out; naming a longer one takes too long for a list."""
_KEPT: Final = 4096


class Instances:
    """Objects as rows, in an order."""

    def __init__(self, heap: HeapView, nodes: Ints, notes: dict[str, str]) -> None:
        self.heap = heap
        self.nodes = nodes
        """In the order shown."""
        self._notes = notes
        self._row = lru_cache(_KEPT)(self._made)

    def __len__(self) -> int:
        return len(self.nodes)

    def cells(self, index: int) -> Sequence[Cell]:
        """Sign, address, size, retained, entries, age, value and path."""
        return self._row(int(self.nodes[index]))

    def sorted(self, key: str, *, is_descending: bool) -> Instances:
        """The same objects in another order.  O(n log n) vectorised."""
        order = np.argsort(self._values(key), kind="stable")
        nodes = self.nodes[order[::-1] if is_descending else order]
        return Instances(self.heap, nodes, self._notes)

    def again(self) -> Instances:
        """The same rows, made anew: something noted about them changed."""
        return Instances(self.heap, self.nodes, self._notes)

    def _values(self, key: str) -> npt.NDArray[np.generic]:
        c = self.heap.graph.columns
        if key == "size":
            return c.node_size[self.nodes]
        if key == "retained":
            return self.heap.graph.retained_bytes[self.nodes]
        if key == "age":
            return self.heap.ages.epochs(self.nodes) if self.heap.ages.is_known else self.nodes
        return c.node_address[self.nodes]

    def _made(self, node: int) -> tuple[Cell, ...]:
        heap = self.heap
        words = heap.words(node)
        is_marked = heap.key(node) in self._notes
        return (
            ("●" if is_marked else "", "mark"),
            (f"{heap.address(node):#x}", "quiet"),
            units.size(words.size_bytes),
            units.size(words.retained_bytes),
            "" if words.entries is None else units.short_count(words.entries),
            (words.age, "quiet"),
            self._where(node, words.value),
        )

    def _where(self, node: int, value: str) -> Cell:
        graph = self.heap.graph
        if int(graph.tree.distance[node]) > _DEEP and self.heap.is_reachable(node):
            steps = int(graph.tree.distance[node])
            above = node
            for _ in range(_DEEP // 4):
                if int(graph.tree.parent[above]) == NO_NODE:
                    break
                above = int(graph.tree.parent[above])
            return (f"{steps:,} steps from a root, below {name(graph.type_name(above))}", "quiet")
        path = name(self.heap.path(node), 400)
        return f"{name(value, 60)}  {path}" if value else path
