"""What a leaked population consists of, by type, and which type names it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.graph.heap_graph import HeapGraph

Ints = npt.NDArray[np.int64]

_LANGUAGE_MODULES = frozenset(
    {
        "builtins", "types", "collections", "functools", "_thread", "_weakref", "weakref",
        "typing", "_contextvars", "_frozen_importlib", "_frozen_importlib_external", "importlib",
        "abc", "_abc",
    }
)  # fmt: skip
_CLASS = "builtins.type"
_SPEAKING = frozenset({_CLASS, "builtins.module"})
"""Types of the language that say more than what hangs from their objects."""


@dataclass(frozen=True, slots=True)
class TypeShare:
    """One type's part of a leaked population."""

    type: str
    count: int
    bytes: int


def is_own_type(name: str) -> bool:
    """Is it a type of the program or a library, not one of the language's own?"""
    return name.partition(".")[0] not in _LANGUAGE_MODULES


def shares_of(graph: HeapGraph, nodes: Ints) -> tuple[TypeShare, ...]:
    """Types of the nodes, largest first.  O(nodes + types)."""
    columns = graph.columns
    types = columns.node_type[nodes]
    count = np.bincount(types)
    size = np.bincount(types, columns.node_size[nodes].astype(np.float64))
    shares = [
        TypeShare(graph.name_of_type(int(t)), int(count[t]), int(size[t]))
        for t in np.flatnonzero(count)
    ]
    shares.sort(key=lambda s: (-s.bytes, -s.count, s.type))
    return tuple(shares)


def without_keys(graph: HeapGraph, nodes: Ints) -> Ints:
    """The nodes that are no keys of a mapping, unless there are only keys."""
    edges = graph.tree.parent_edge[nodes]
    rest = nodes[graph.columns.edge_kind[edges] != EdgeKind.KEY]
    return rest if len(rest) else nodes


def main_type(graph: HeapGraph, direct: Ints, nodes: Ints) -> str:
    """The type a person would call the leak.

    The nearest that is not the language's own, about one for each entry; else the commonest
    right below.  Entries that each have a class of their own are called by their classes.
    ``direct`` without keys, ``nodes`` the whole population.  O(nodes).
    """
    columns, tree = graph.columns, graph.tree
    least = len(direct) / 2
    types, count = np.unique(columns.node_type[nodes], return_counts=True)
    below, number = np.unique(columns.node_type[direct], return_counts=True)
    common = graph.name_of_type(int(below[np.argmax(number)]))
    if common in _SPEAKING and number.max() >= least:
        return common
    candidates = []
    for t, n in zip(types.tolist(), count.tolist(), strict=True):
        if n >= least and is_own_type(graph.name_of_type(t)):
            depth = float(tree.distance[nodes[columns.node_type[nodes] == t]].min())
            candidates.append((depth, -n, graph.name_of_type(t)))
    if candidates:
        return min(candidates)[2]
    names = [graph.name_of_type(t) for t in types.tolist()]
    if len(below) >= least and _many(_CLASS, names, count.tolist(), least):
        return _CLASS
    kinds = columns.node_type[direct]
    sizes = [int(columns.node_size[direct[kinds == t]].sum()) for t in below]
    best = max(zip(number.tolist(), sizes, below.tolist(), strict=True))
    return graph.name_of_type(best[2])


def _many(name: str, names: list[str], counts: Collection[int], least: float) -> bool:
    return any(n >= max(2, least) for t, n in zip(names, counts, strict=True) if t == name)
