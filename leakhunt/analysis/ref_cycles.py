"""Reference cycles: found natively as strongly connected components, one of each named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.paths import PathNamer, Step
from leakhunt.analysis.shares import is_own_type
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.subgraph import Subgraph, subgraph
from leakhunt.graph.tables import NO_TIER, SKIP_WEAK
from leakhunt.store.columns import NO_NODE

if TYPE_CHECKING:
    import networkx as nx

Ints = npt.NDArray[np.int64]

_LARGEST = 20_000
"""Nodes of a component that are handed to networkx."""
_SHOWN_STEPS = 12
"""Steps of a cycle that are told; of a longer one, its beginning and its end."""
_STARTS = 8
"""Nodes of a component from which a short cycle is looked for."""


@dataclass(frozen=True, slots=True)
class RefCycle:
    """One whole reference cycle, and how many there are like it."""

    types: tuple[str, ...]
    """Types on it; the first is that of the object it is told from."""
    steps: tuple[Step, ...]
    """From that object round to itself; the middle of a long cycle is left out."""
    length: int
    """References on the cycle, all of them."""
    components: int
    """Strongly connected components of the same types."""
    objects: int
    """Objects in them."""

    def __str__(self) -> str:
        """``A.b -> B.parent -> A``."""
        words = [
            name.removeprefix("builtins.") + step.text
            for name, step in zip(self.types, self.steps, strict=True)
        ]
        if self.length > len(self.steps):
            left_out = f"{self.length - len(self.steps):,} more references"
            words.insert(len(words) // 2, left_out)
        return " -> ".join([*words, self.types[0].removeprefix("builtins.")])


def is_in_cycle(graph: HeapGraph, nodes: Ints) -> npt.NDArray[np.bool_]:
    """(nodes,) is the object on a reference cycle among them?  ``nodes`` ascending.

    O(nodes of the graph + edges of these).
    """
    part = subgraph(graph, nodes)
    return _cyclic(part, _components(part))


def find_ref_cycles(graph: HeapGraph, nodes: Ints, most: int = 3) -> tuple[RefCycle, ...]:
    """The commonest reference cycles among some nodes, those with most objects first.

    Components of the same types in the same numbers count as alike; one of each kind is
    named.  O(nodes of the graph + edges of these), and a breadth-first search in a component.
    """
    part = subgraph(graph, nodes)
    component = _components(part)
    at = np.flatnonzero(_cyclic(part, component))
    if not len(at):
        return ()
    alike = _alike(graph, part, component, at)
    namer, found = PathNamer(graph), []
    for members, components, objects in alike[:most]:
        way = _one_cycle(graph, part, members)
        found.append(_told(graph, namer, way, components, objects))
    return tuple(found)


def _told(
    graph: HeapGraph, namer: PathNamer, way: list[int], components: int, objects: int
) -> RefCycle:
    """``way``: the edges of a cycle."""
    steps: list[Step] = []
    types: list[str] = []
    half = _SHOWN_STEPS // 2
    parts = [way] if len(way) <= _SHOWN_STEPS else [way[:half], way[-half:]]
    for part in parts:
        start = graph.source(part[0])
        told = namer.way(start, [(edge, graph.target(edge)) for edge in part])
        types += [graph.type_name(start), *(step.type for step in told[:-1])]
        steps += told
    left_out = sum(len(part) for part in parts)
    return RefCycle(
        tuple(types), tuple(steps), len(steps) + len(way) - left_out, components, objects
    )


def _components(part: Subgraph) -> npt.NDArray[np.uint32]:
    component = np.zeros(part.count, np.uint32)
    if part.count:
        _kernels.components(
            part.edge_offset, part.edge_target, part.edge_kind, SKIP_WEAK, component
        )
    return component


def _cyclic(part: Subgraph, component: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """(count,) is the node in a component of several, or does it refer to itself?"""
    offset = part.edge_offset.astype(np.int64)
    source = np.repeat(np.arange(part.count), offset[1:] - offset[:-1])
    found: npt.NDArray[np.bool_] = np.bincount(component, minlength=1)[component] > 1
    found[source[part.edge_target == source]] = True
    return found


def _alike(
    graph: HeapGraph, part: Subgraph, component: npt.NDArray[np.uint32], at: Ints
) -> list[tuple[Ints, int, int]]:
    """(members of one, number of components, objects) by what components consist of."""
    types = graph.columns.node_type[part.nodes[at]].astype(np.uint64)
    ids, where, size = np.unique(component[at], return_inverse=True, return_counts=True)
    # A sum of mixed type numbers is the same for components of the same types.
    mixed = (types + 1) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    shape = np.zeros(len(ids), np.uint64)
    np.add.at(shape, where, mixed)
    _, first, kind, count = np.unique(
        shape, return_index=True, return_inverse=True, return_counts=True
    )
    objects = np.bincount(kind, size)
    order = np.argsort(-objects, kind="stable")
    by_component = np.argsort(where, kind="stable")
    start = np.concatenate([[0], np.cumsum(size)])
    found = []
    for k in order.tolist():
        c = int(first[k])
        members = at[by_component[start[c] : start[c + 1]]]
        found.append((members, int(count[k]), int(objects[k])))
    return found


def _one_cycle(graph: HeapGraph, part: Subgraph, members: Ints) -> list[int]:
    """Edges round one short cycle, told from a type of the program if it has one."""
    if len(members) > _LARGEST:
        return _cycle_in_a_large_one(graph, part, members)
    drawn = _drawn(part, members)
    number = Counter(graph.type_index(int(part.nodes[v])) for v in drawn)
    own = [v for v in drawn if is_own_type(graph.type_name(int(part.nodes[v])))]
    # It is told from the rarest type, as one would call it: a document, not its paragraphs.
    own.sort(key=lambda v: number[graph.type_index(int(part.nodes[v]))])
    # One through a type of the program says more than a shorter one.
    best = _shortest(drawn, own) or _shortest(drawn, list(drawn))
    return [drawn.edges[a, b]["edge"] for a, b in pairwise(best)]


def _cycle_in_a_large_one(graph: HeapGraph, part: Subgraph, members: Ints) -> list[int]:
    """Edges round a shortest cycle through one member, by breadth first: O(component)."""
    own = [v for v in members[:_LARGEST].tolist() if is_own_type(graph.type_name(part.nodes[v]))]
    start = own[0] if own else int(members[0])
    n = part.count
    is_member = np.zeros(n, np.bool_)
    is_member[members] = True
    parent, edge = np.full(n, NO_NODE, np.uint32), np.zeros(n, np.uint64)
    distance = np.zeros(n, np.uint32)
    tier = np.full(n, NO_TIER, np.uint8)
    _kernels.explore(
        part.edge_offset, part.edge_target, part.edge_kind, SKIP_WEAK,
        (~is_member).astype(np.uint8), np.array([start], np.uint32), 0, parent, edge, distance,
        tier, np.zeros(n, np.uint32), 0,
    )  # fmt: skip
    back = np.flatnonzero(part.edge_target == start)
    offset = part.edge_offset
    source = np.searchsorted(offset, back.astype(np.uint64), "right") - 1
    inside = is_member[source]
    nearest = int(np.argmin(np.where(inside, distance[source], NO_NODE)))
    way, at = [int(back[nearest])], int(source[nearest])
    while at != start:
        way.append(int(edge[at]))
        at = int(parent[at])
    return [int(part.edge[i]) for i in reversed(way)]


def _shortest(drawn: nx.DiGraph[int], starts: list[int]) -> list[int]:
    rings = [ring for start in starts[:_STARTS] if (ring := _ring(drawn, start))]
    return min(rings, key=len, default=[])


def _drawn(part: Subgraph, members: Ints) -> nx.DiGraph[int]:
    """The members and the edges among them."""
    import networkx as nx  # a tenth of a second, and few hunts need it

    inside: set[int] = set(members.tolist())
    drawn: nx.DiGraph[int] = nx.DiGraph()
    drawn.add_nodes_from(members.tolist())
    for v in members.tolist():
        lo, hi = int(part.edge_offset[v]), int(part.edge_offset[v + 1])
        for i in range(lo, hi):
            w = int(part.edge_target[i])
            if w in inside and not (
                drawn.has_edge(v, w) and part.edge_kind[i] in (EdgeKind.KEY, EdgeKind.TYPE)
            ):
                drawn.add_edge(v, w, edge=int(part.edge[i]))
    return drawn


def _ring(drawn: nx.DiGraph[int], start: int) -> list[int]:
    """Nodes of a shortest cycle through one, it first and last; empty when there is none."""
    import networkx as nx

    if drawn.has_edge(start, start):
        return [start, start]
    back = nx.single_source_shortest_path(drawn.reverse(copy=False), start)
    ways = [back[after] for after in drawn.successors(start) if after in back]
    return [start, *reversed(min(ways, key=len))] if ways else []
