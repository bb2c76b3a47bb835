"""Who holds the memory, level by level of the dominator tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from leakhunt.analysis.listing import Listing, Order, Row, list_dominated, row_of
from leakhunt.analysis.ranking import largest_first
from leakhunt.report import units
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.widgets.words import Cell, name, plain

_KEPT: Final = 4096
_DEEP: Final = 48
"""Steps of a path that a row writes out."""
_BLOCKS: Final = " ▏▎▍▌▋▊▉█"
BAR_CELLS: Final = 10


@dataclass(frozen=True, slots=True)
class TypeShare:
    """Objects of one type on a level, together."""

    type: str
    count: int
    retained_bytes: int


class Level:
    """What one object dominates directly; without one, what no object dominates."""

    def __init__(
        self, heap: HeapView, node: int | None, by: Order = Order.RETAINED, of_type: str = ""
    ) -> None:
        """O(nodes) vectorised and a sort: a worker does it."""
        self.heap = heap
        self.node = node
        self.of_type = of_type
        """Only objects of this type, when it is not empty."""
        graph = heap.graph
        every = list_dominated(graph, node, by)
        self.total_bytes = int(graph.retained_bytes[every.nodes].sum())
        """What all rows of the level retain, whatever is selected."""
        self.listing = every if not of_type else _only(every, of_type)
        shown = graph.retained_bytes[self.listing.nodes]
        self.largest_bytes = int(shown.max()) if len(shown) else 0
        """What the longest bar stands for."""
        self._row = lru_cache(_KEPT)(self._made)

    def __len__(self) -> int:
        return len(self.listing)

    def turned(self) -> Level:
        """The same, smallest first.  O(1)."""
        self.listing = self.listing.turned()
        return self

    def row(self, index: int) -> Row:
        """One object.  O(log nodes)."""
        return row_of(self.heap.graph, int(self.listing.nodes[index]))

    def cells(self, index: int) -> Sequence[Cell]:
        """Bar, share, retained, own size, type and path."""
        return self._row(int(self.listing.nodes[index]))

    def largest(self, most: int) -> list[int]:
        """So many nodes that retain most, largest first.  O(rows) vectorised."""
        nodes = self.listing.nodes
        weights = self.heap.graph.retained_bytes[nodes]
        if len(nodes) > most:
            chosen = np.argpartition(weights, -most)[-most:]
            nodes, weights = nodes[chosen], weights[chosen]
        return [int(node) for node in largest_first(nodes, weights)]

    def title(self, node: int) -> str:
        """Where an object is, escaped."""
        return plain(self._row(node)[-1])

    @cached_property
    def path(self) -> str:
        """How the object of the level is written; empty for all roots together."""
        return "" if self.node is None else self.heap.path(self.node)

    def bar(self, retained_bytes: int) -> Cell:
        """A length in proportion to the largest."""
        return bar(retained_bytes / max(self.largest_bytes, 1)), "part-1"

    def share(self, retained_bytes: int) -> float:
        """Of what the level holds, 0 to 1."""
        return retained_bytes / self.total_bytes if self.total_bytes else 0.0

    def types(self) -> tuple[TypeShare, ...]:
        """The rows by type, those that retain most first.  O(rows) vectorised."""
        graph, nodes = self.heap.graph, self.listing.nodes
        objects = nodes[nodes < graph.columns.heap_count]
        kinds = graph.columns.node_type[objects]
        count = np.bincount(kinds, minlength=graph.columns.type_count)
        size = np.bincount(kinds, graph.retained_bytes[objects], graph.columns.type_count)
        order = largest_first(np.flatnonzero(count), size[count > 0].astype(np.uint64))
        return tuple(
            TypeShare(graph.name_of_type(kind), int(count[kind]), int(size[kind]))
            for kind in order.tolist()
        )

    def _made(self, node: int) -> tuple[Cell, ...]:
        heap, row = self.heap, row_of(self.heap.graph, node)
        return (
            self.bar(row.retained_bytes),
            percent(self.share(row.retained_bytes)),
            units.size(row.retained_bytes),
            (units.size(row.size_bytes), "quiet"),
            name(heap.type_of(node)),
            ("▸" if row.has_dominated else "", "quiet"),
            self._where(node, heap.value(node)),
        )

    def _where(self, node: int, value: str) -> Cell:
        """Its path from the object of the level, as far as it goes through that."""
        graph = self.heap.graph
        if graph.is_root(node):
            return name(value)
        steps = int(graph.tree.distance[node]) if self.heap.is_reachable(node) else 0
        if steps > _DEEP:
            return (f"{steps:,} steps from a root", "quiet")
        path = self.heap.path(node)
        rest = path.removeprefix(self.path)
        is_below = bool(self.path) and rest != path and rest[:1] in (".", "[")
        shown = name(f"…{rest}" if is_below else path, 400)
        return f"{shown}  {name(value, 60)}" if value and value != path else shown


class TypeRows:
    """A level by type, as rows."""

    def __init__(self, level: Level) -> None:
        self.types = level.types()
        self._level = level

    def __len__(self) -> int:
        return len(self.types)

    def cells(self, index: int) -> Sequence[Cell]:
        """Bar, share, retained, objects and type."""
        one = self.types[index]
        largest = self.types[0].retained_bytes
        return (
            (bar(one.retained_bytes / max(largest, 1)), "part-1"),
            percent(self._level.share(one.retained_bytes)),
            units.size(one.retained_bytes),
            (units.short_count(one.count), "quiet"),
            name(one.type),
        )


def _only(listing: Listing, type_name: str) -> Listing:
    graph, nodes = listing.graph, listing.nodes
    c = graph.columns
    types = [t for t in range(c.type_count) if graph.name_of_type(t) == type_name]
    is_object = nodes < c.heap_count
    chosen = np.zeros(len(nodes), np.bool_)
    chosen[is_object] = np.isin(c.node_type[nodes[is_object]], types)
    return Listing(graph, nodes[chosen])


def bar(share: float, cells: int = BAR_CELLS) -> str:
    """A share of 0 to 1 as a bar of so many cells, drawn in eighths."""
    eighths = round(min(max(share, 0.0), 1.0) * cells * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + _BLOCKS[rest])[:cells].rstrip()


def percent(share: float) -> str:
    """``23 %``, ``0.4 %``; what is not zero never reads so."""
    value = 100 * share
    if 0 < value < 0.1:
        return "<0.1 %"
    return f"{value:.0f} %" if value >= 9.95 or value == 0 else f"{value:.1f} %"
