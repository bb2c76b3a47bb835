"""Many objects in an order, read page by page: for views that list a million instances."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.nearest import instances, types_named
from leakhunt.analysis.ranking import largest_first
from leakhunt.graph.heap_graph import HeapGraph, Mask
from leakhunt.store.columns import NO_NODE, U32


class Order(Enum):
    """What comes first."""

    RETAINED = "retained"
    """What would free most if it went."""
    SHALLOW = "shallow"
    """What is largest itself."""
    ADDRESS = "address"
    """What lies lowest in memory: the order of the snapshot."""


By = Order | npt.NDArray[np.unsignedinteger]
"""An order; or a number for each node, largest first: the epochs of a comparison list the
youngest first."""


@dataclass(frozen=True, slots=True)
class Row:
    """One object."""

    node: int
    type: str
    address: int
    """0 for a root."""
    size_bytes: int
    """Shallow."""
    retained_bytes: int
    value: str | int | None
    """Of a text (perhaps cut or masked) or a key that is a number, where it was recorded."""
    is_garbage: bool
    """No GC root reaches it."""

    @property
    def has_dominated(self) -> bool:
        """Does it dominate an object?"""
        return self.retained_bytes > self.size_bytes


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """Nodes in an order.  4 bytes a node; a page costs O(its rows x log n)."""

    graph: HeapGraph
    nodes: U32

    def __len__(self) -> int:
        return len(self.nodes)

    def page(self, start: int = 0, most: int = 100) -> list[Row]:
        """Rows ``start`` to ``start + most``."""
        return [row_of(self.graph, node) for node in self.nodes[start : start + most].tolist()]

    def position(self, node: int) -> int | None:
        """Where a node is, None when it is not there.  O(nodes of the listing) vectorised."""
        found = np.flatnonzero(self.nodes == np.uint32(node))
        return int(found[0]) if len(found) else None

    def turned(self) -> Listing:
        """The same, from the end.  O(1)."""
        return Listing(self.graph, self.nodes[::-1])


def row_of(graph: HeapGraph, node: int) -> Row:
    """What a list shows of one object.  O(log n) once the graph has its retained sizes."""
    c = graph.columns
    return Row(
        node=node,
        type=graph.type_name(node),
        address=int(c.node_address[node]),
        size_bytes=int(c.node_size[node]),
        retained_bytes=int(graph.retained_bytes[node]),
        value=graph.key(node),
        is_garbage=int(graph.dominators[node]) == NO_NODE,
    )


def list_instances(
    graph: HeapGraph, type_name: str, by: By = Order.RETAINED, *, among: Mask | None = None
) -> Listing:
    """The instances of a type, of those ``among`` (node_count,) when given.

    O(nodes) for finding them, 10 ms at ten million, and one sort of what was found.  Raises
    UsageError with the nearest names.
    """
    found = instances(graph, types_named(graph, type_name))
    return list_nodes(graph, found if among is None else found[among[found]], by)


def list_nodes(
    graph: HeapGraph, nodes: npt.NDArray[np.integer], by: By = Order.RETAINED
) -> Listing:
    """Given nodes (a leaked population, each node once).  One sort of them."""
    if by is Order.ADDRESS:
        return Listing(graph, np.sort(nodes).astype(np.uint32))
    if by is Order.RETAINED:
        weights = graph.retained_bytes
    else:
        weights = graph.columns.node_size if isinstance(by, Order) else by
    return Listing(graph, largest_first(nodes, weights[nodes]))


def list_dominated(graph: HeapGraph, node: int | None, by: By = Order.RETAINED) -> Listing:
    """What a node dominates directly; None stands for all roots together.

    The retained sizes of the rows and the node's own size add up to what it retains.  O(nodes)
    for finding them, 10 ms at ten million, and one sort of what was found.
    """
    above = np.uint32(graph.node_count if node is None else node)
    return list_nodes(graph, np.flatnonzero(graph.dominators == above), by)
