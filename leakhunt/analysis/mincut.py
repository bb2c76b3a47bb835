"""The fewest references that must go to free a population: a minimum edge cut.

Unit capacities, on a contracted graph: the population is one sink, parallel references
between two objects are one, and what a root reaches through the structure of the program alone
(the table of modules, their namespaces) is one source.  Augmenting paths are searched backwards
from the sink by breadth first (J. Edmonds and R. M. Karp, "Theoretical improvements in
algorithmic efficiency for network flow problems", J. ACM 19, 1972), so that only what holds the
population is ever visited.  By the theorem of Menger the paths found are the most that share no
reference.  Of all minimum cuts the one nearest to the population is taken: it frees the least
besides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import EdgeKind
from leakhunt.analysis.cuts import Cuts
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.roots import Tier
from leakhunt.graph.tables import SKIP_WEAK
from leakhunt.store.columns import NO_NODE

Ints = npt.NDArray[np.int64]

MOST_REFERENCES = 64
"""A larger cut is no advice: the search gives up."""
MOST_WORK = 5_000_000
"""Edges looked at before the search gives up."""
_SINK = -1
_STRUCTURE = ("__globals__", "__builtins__", "__mro__", "__bases__", "__base__")
"""Fields that no program lets go of while their owner lives."""


@dataclass(frozen=True, slots=True, eq=False)
class Severed:
    """References from one object that a cut removes together."""

    source: int
    edges: Ints
    target: int | None
    """What they lead to; None for members of the population."""
    way: tuple[int, ...]
    """Objects from ``source`` down to the last before the population: one retaining path that
    shares no reference with those of the other cuts."""
    into: Ints
    """References from the last of them into the population."""
    reaches: int
    """Members of the population that it leads to, not by way of another member."""


@dataclass(frozen=True, slots=True, eq=False)
class MinimumCut:
    """What frees a population."""

    severed: tuple[Severed, ...]
    """Empty when the search gave up, or when nothing holds the population."""
    why_not: str | None = None
    """Why there is no answer."""

    @property
    def edges(self) -> Ints:
        """All references of the cut."""
        parts = [part.edges for part in self.severed]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)


def minimum_cut(
    graph: HeapGraph,
    population: Ints,
    cuts: Cuts | None = None,
    *,
    most_references: int = MOST_REFERENCES,
    most_work: int = MOST_WORK,
) -> MinimumCut:
    """The fewest references whose removal leaves no path from a root to the population.

    Work: (references + 1) x edges into what holds the population, at most ``most_work``.
    """
    population = population[graph.reachable[population]]
    if not len(population):
        return MinimumCut((), "nothing holds it: it awaits the collector")
    flow = _Flow(graph, population, cuts or Cuts(graph), most_work)
    while flow.augment():
        if flow.value > most_references:
            return MinimumCut((), f"more than {most_references} references hold it")
    if flow.why_not is not None:
        return MinimumCut((), flow.why_not)
    return MinimumCut(tuple(flow.severed()))


def references_into(graph: HeapGraph, population: Ints) -> tuple[Severed, ...]:
    """Every reference into the population from what does not hang from it, by its source.

    O(in-degree of the population + out-degree of the sources).
    """
    reached = population[graph.reachable[population]]
    flow = _Flow(graph, reached, Cuts(graph), MOST_WORK)
    return tuple(flow.into(source) for source in flow.sources)


class _Flow:
    """A flow of references from the roots to the population, grown path by path."""

    def __init__(self, graph: HeapGraph, population: Ints, cuts: Cuts, most_work: int) -> None:
        self.graph = graph
        self.value = 0
        self.why_not: str | None = None
        self._work = most_work
        self._is_sink = np.zeros(graph.node_count, np.bool_)
        self._is_sink[population] = True
        # What only the population keeps alive is on no path to it.
        self._lost = cuts.retained(population) != 0
        self._ground = self._find_ground()
        types = graph.columns.type_node
        self._is_type = np.zeros(graph.node_count, np.bool_)
        self._is_type[types[types != NO_NODE]] = True
        self._structure_names = self._structure_ids()
        self._sink_edges = self._edges_into(population)
        self._carried: dict[tuple[int, int], int] = {}
        self._next: dict[int, set[int]] = {}
        self._cuttable: dict[tuple[int, int], bool] = {}
        self._before: dict[int, int] = {}

    # ---- the network ----

    def _find_ground(self) -> npt.NDArray[np.bool_]:
        """What is there as long as the program: roots, modules, what C code keeps."""
        graph = self.graph
        ground = np.zeros(graph.node_count, np.bool_)
        ground[graph.columns.heap_count :] = True
        if graph.plan.sys_modules is not None:
            ground[graph.plan.sys_modules] = True
        for module, namespace in graph.plan.modules.values():
            ground[[module, namespace]] = True
        ground |= (graph.tree.tier == Tier.NATIVE) & (graph.tree.parent == NO_NODE)
        ground[self._is_sink] = False
        return ground

    def _structure_ids(self) -> frozenset[int]:
        found = [i for text in _STRUCTURE for i in self.graph.string_ids(text).tolist()]
        return frozenset(found)

    def _edges_into(self, population: Ints) -> dict[int, list[int]]:
        """Edges into the population by source, from what does not hang from it."""
        graph, (back, source) = self.graph, self.graph.reverse
        start = back[population].astype(np.int64)
        count = back[population + 1].astype(np.int64) - start
        at = np.repeat(start - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
        sources = np.unique(source[at]).astype(np.int64)
        keep = graph.reachable[sources] & ~self._lost[sources] & ~self._is_sink[sources]
        edges, owner = graph.expand(sources[keep])
        c = graph.columns
        hits = self._is_sink[c.edge_target[edges]] & ~SKIP_WEAK[c.edge_kind[edges]].astype(bool)
        found: dict[int, list[int]] = {}
        for node, edge in zip(
            sources[keep][owner[hits]].tolist(), edges[hits].tolist(), strict=True
        ):
            found.setdefault(node, []).append(edge)
        return found

    def _holders(self, node: int) -> list[int]:
        """Objects with a strong reference to a node (or to the population)."""
        if node == _SINK:
            return list(self._sink_edges)
        found = np.unique(self.graph.referrers(node))
        self._work -= len(found)
        keep = self.graph.reachable[found] & ~self._lost[found] & ~self._is_sink[found]
        return [int(holder) for holder in found[keep]]

    def _can_cut(self, source: int, target: int) -> bool:
        """Is it a reference that a program lets go of?"""
        key = (source, target)
        known = self._cuttable.get(key)
        if known is None:
            known = self._cuttable[key] = self._look(source, target)
        return known

    def _look(self, source: int, target: int) -> bool:
        graph, c = self.graph, self.graph.columns
        if target == _SINK:
            edges: Ints = np.array(self._sink_edges[source], np.int64)
        else:
            edges = graph.edges_between(source, target)
            self._work -= len(graph.edges(source)) // 64
        kinds = c.edge_kind[edges]
        if (kinds == EdgeKind.TYPE).any():
            return False
        if target != _SINK and graph.is_root(source) and not (kinds == EdgeKind.LOCAL).any():
            return False
        fields = c.edge_name[edges[kinds == EdgeKind.FIELD]].tolist()
        return not any(name in self._structure_names for name in fields)

    # ---- augmenting paths ----

    def augment(self) -> bool:
        """Find one more path backwards from the population to a source; False at the end."""
        self._before = {_SINK: _SINK}
        queue = deque([_SINK])
        while queue:
            node = queue.popleft()
            if self._work < 0:
                self.why_not = "too much of the heap leads there to search it all"
                return False
            for holder in self._open_to(node):
                if holder in self._before:
                    continue
                self._before[holder] = node
                if self._ground[holder]:
                    return self._carry(holder)
                queue.append(holder)
        return False

    def _open_to(self, node: int) -> Iterator[int]:
        """Objects from which one more path may run to a node, or one from it be undone."""
        for holder in self._holders(node):
            if not self._carried.get((holder, node)) or not self._can_cut(holder, node):
                yield holder
        yield from tuple(self._next.get(node, ()))

    def _carry(self, source: int) -> bool:
        """Send one unit along the path found; False when nothing on it can be cut."""
        way = [source]
        while way[-1] != _SINK:
            way.append(self._before[way[-1]])
        steps = list(pairwise(way))
        if all(self._is_forward(a, b) and not self._can_cut(a, b) for a, b in steps):
            self.why_not = "what holds it is part of the program's structure"
            return False
        for a, b in steps:
            if self._is_forward(a, b):
                self._set(a, b, self._carried.get((a, b), 0) + 1)
            else:
                self._set(b, a, self._carried[b, a] - 1)
        self.value += 1
        return True

    def _is_forward(self, source: int, target: int) -> bool:
        return self._carried.get((target, source), 0) == 0

    def _set(self, source: int, target: int, units: int) -> None:
        self._carried[source, target] = units
        following = self._next.setdefault(source, set())
        if units:
            following.add(target)
        else:
            following.discard(target)

    # ---- the cut ----

    def severed(self) -> list[Severed]:
        """The saturated references into what still leads to the population."""
        found = []
        for (source, target), units in self._carried.items():
            if units and target in self._before and source not in self._before:
                found.append(self._describe(source, target))
        found.sort(key=lambda part: (-part.reaches, part.source))
        return found

    @property
    def sources(self) -> list[int]:
        """Objects that refer to the population and do not hang from it."""
        return list(self._sink_edges)

    def into(self, source: int) -> Severed:
        """The references from one of the sources."""
        edges = np.array(self._sink_edges[source], np.int64)
        members = np.unique(self.graph.columns.edge_target[edges])
        return Severed(source, edges, None, (source,), edges, len(members))

    def _describe(self, source: int, target: int) -> Severed:
        if target == _SINK:
            return self.into(source)
        way = [source, target]
        while _SINK not in self._next.get(way[-1], ()):
            way.append(next(n for n in self._next[way[-1]] if n not in way))
        edges = self.graph.edges_between(source, target)
        strong = edges[SKIP_WEAK[self.graph.columns.edge_kind[edges]] == 0]
        into = np.array(self._sink_edges[way[-1]], np.int64)
        return Severed(source, strong, target, tuple(way), into, self._members_below(target))

    @cached_property
    def _below(self) -> dict[int, list[int]]:
        """Referents by object, on the population's side of the cut."""
        found: dict[int, list[int]] = {}
        for node in self._before:
            if node != _SINK:
                for holder in self._holders(node):
                    found.setdefault(holder, []).append(node)
        return found

    def _members_below(self, start: int) -> int:
        """Members that a node reaches on the population's side of the cut."""
        seen, queue = {start}, [start]
        members: set[int] = set()
        while queue:
            node = queue.pop()
            members.update(self.graph.target(edge) for edge in self._sink_edges.get(node, ()))
            fresh = [below for below in self._below.get(node, ()) if below not in seen]
            seen.update(fresh)
            queue += fresh
        return len(members)
