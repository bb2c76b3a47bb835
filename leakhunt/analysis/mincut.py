"""The fewest references that must go to free a population: a minimum edge cut.

Unit capacities, on a contracted graph: the population is one sink, parallel references
between two objects are one, and what a root reaches through the structure of the program alone
(the table of modules, their namespaces) is one source.  Augmenting paths are searched backwards
from the sink by breadth first (J. Edmonds and R. M. Karp, "Theoretical improvements in
algorithmic efficiency for network flow problems", J. ACM 19, 1972), so that only what holds the
population is ever visited; one search sends a unit along every path of its last layer that
shares nothing with the others, as in the phases of Dinic's algorithm.  By the theorem of Menger
the paths found are the most that share no reference.  Of all minimum cuts the one nearest to the
population is taken: it frees the least besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.cuts import Cuts
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.roots import Tier
from leakhunt.graph.tables import SKIP_WEAK
from leakhunt.store.columns import NO_NODE

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Arc = tuple[int, int]
"""(from, to): the sink is one node more than the graph has."""

MOST_REFERENCES = 1000
"""A larger cut is no advice: the search gives up."""
MOST_WORK = 500_000_000
"""Edges looked at before the search gives up."""
_LAYER_WORK = 10_000
"""What one layer of the search costs besides its edges: long chains have many."""
_ARC_WORK = 40
"""What one arc of a path costs."""
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

    Work: searches x edges into what holds the population, at most ``most_work``; a few searches
    as a rule, one for each reference of the cut at worst.
    """
    population = population[graph.reachable[population]]
    if not len(population):
        return MinimumCut((), "nothing holds it: it awaits the collector")
    flow = _Flow(graph, population, cuts or Cuts(graph), most_references, most_work)
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
    flow = _Flow(graph, reached, Cuts(graph), MOST_REFERENCES, MOST_WORK)
    return tuple(flow.into(source) for source in flow.sources.tolist())


class _Flow:
    """A flow of references from the roots to the population, grown path by path.

    The sink is one node more than the graph has.
    """

    def __init__(
        self, graph: HeapGraph, population: Ints, cuts: Cuts, most: int, most_work: int
    ) -> None:
        self.graph = graph
        self.value = 0
        self._most = most
        self.why_not: str | None = None
        self._work = most_work
        self._sink = graph.node_count
        self._is_sink = np.zeros(graph.node_count, np.bool_)
        self._is_sink[population] = True
        # What only the population keeps alive is on no path to it.
        self._is_on_a_way = graph.reachable & ~self._is_sink
        self._is_on_a_way[cuts.retained(population)] = False
        self._is_ground = self._find_ground()
        self._structure_names = [i for t in _STRUCTURE for i in graph.string_ids(t).tolist()]
        self._find_sink_edges(population)
        self._carried: dict[Arc, int] = {}
        self._next: dict[int, set[int]] = {}
        self._cuttable: dict[Arc, bool] = {}
        self._toward = np.zeros(0, np.int64)

    # ---- the network ----

    def _find_ground(self) -> Mask:
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

    def _find_sink_edges(self, population: Ints) -> None:
        """Edges into the population from what does not hang from it, by source."""
        holders, _ = self._referrers(population)
        sources = self.graph.distinct(holders)
        edges, owner = self.graph.expand(sources)
        c = self.graph.columns
        hits = self._is_sink[c.edge_target[edges]] & (SKIP_WEAK[c.edge_kind[edges]] == 0)
        self._sink_edges = edges[hits]
        self._sink_source = sources[owner[hits]]
        self.sources: Ints = sources
        self._is_sink_source = np.zeros(self.graph.node_count, np.bool_)
        self._is_sink_source[sources] = True

    def _referrers(self, nodes: Ints) -> tuple[Ints, Ints]:
        """(holder, node) for every strong reference to some nodes that may be on a way."""
        back, source = self.graph.reverse
        start = back[nodes].astype(np.int64)
        count = back[nodes + 1].astype(np.int64) - start
        at = np.repeat(start - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
        holders = source[at].astype(np.int64)
        self._work -= len(holders)
        keep = self._is_on_a_way[holders]
        return holders[keep], np.repeat(nodes, count)[keep]

    def _arcs_into(self, nodes: Ints) -> tuple[Ints, Ints]:
        """(from, to) for every arc into some nodes."""
        if len(nodes) == 1 and nodes[0] == self._sink:
            return self.sources, np.full(len(self.sources), self._sink)
        return self._referrers(nodes)

    def edges_into_sink(self, source: int) -> Ints:
        """Edges from one source into the population."""
        lo = int(np.searchsorted(self._sink_source, source, "left"))
        hi = int(np.searchsorted(self._sink_source, source, "right"))
        found: Ints = self._sink_edges[lo:hi]
        return found

    def _can_cut(self, arc: Arc) -> bool:
        """Is it a reference that a program lets go of?"""
        known = self._cuttable.get(arc)
        if known is None:
            known = self._cuttable[arc] = self._look(*arc)
        return known

    def _look(self, source: int, target: int) -> bool:
        graph, c = self.graph, self.graph.columns
        if target == self._sink:
            edges = self.edges_into_sink(source)
        else:
            edges = graph.edges_between(source, target)
            edges = edges[SKIP_WEAK[c.edge_kind[edges]] == 0]
        kinds = c.edge_kind[edges]
        if (kinds == EdgeKind.TYPE).any():
            return False
        is_local = bool((kinds == EdgeKind.LOCAL).any())
        if target != self._sink and graph.is_root(source) and not is_local:
            return False
        fields = c.edge_name[edges[kinds == EdgeKind.FIELD]].tolist()
        return not any(name in self._structure_names for name in fields)

    # ---- augmenting paths ----

    def augment(self) -> bool:
        """Find more paths backwards from the population to the nearest sources, or return False."""
        self._toward = np.full(self.graph.node_count + 1, -1, np.int64)
        self._toward[self._sink] = self._sink
        layer = np.array([self._sink], np.int64)
        while len(layer):
            if self._work < 0:
                self.why_not = "too much of the heap leads there to search it all"
                return False
            self._work -= _LAYER_WORK + _ARC_WORK * len(self._carried)
            holders, nodes = self._open_arcs(layer)
            fresh = self._toward[holders] < 0
            holders, nodes = holders[fresh], nodes[fresh]
            self._toward[holders] = nodes  # of several, the last one stays
            ground = np.flatnonzero(self._is_ground[np.minimum(holders, self._sink - 1)])
            if len(ground):
                return self._carry_all(holders[ground], nodes[ground])
            layer = self.graph.distinct(holders)
        return False

    def _open_arcs(self, layer: Ints) -> tuple[Ints, Ints]:
        """(from, to) for arcs into a layer along which one more path may run, and for those out
        of it along which one may be undone."""
        holders, nodes = self._arcs_into(layer)
        full = [arc for arc, units in self._carried.items() if units and self._can_cut(arc)]
        if full:
            width = np.int64(self._sink + 1)
            codes = np.array([source * int(width) + target for source, target in full], np.int64)
            is_open = ~np.isin(holders * width + nodes, codes)
            holders, nodes = holders[is_open], nodes[is_open]
        in_layer = set(layer.tolist()) & self._next.keys()
        undone = [(below, node) for node in sorted(in_layer) for below in self._next[node]]
        if undone:
            more = np.array(undone, np.int64)
            holders = np.concatenate([holders, more[:, 0]])
            nodes = np.concatenate([nodes, more[:, 1]])
        return holders, nodes

    def _carry_all(self, grounds: Ints, nodes: Ints) -> bool:
        """Send one unit along each path found that shares no arc with those before it; an arc
        that cannot be cut has room for all.  False when nothing on one of them can be cut."""
        taken: set[Arc] = set()
        for ground, node in zip(grounds.tolist(), nodes.tolist(), strict=True):
            if self.value > self._most or self._work < 0:
                break
            way = [ground, node]
            while way[-1] != self._sink:
                way.append(int(self._toward[way[-1]]))
            arcs = list(pairwise(way))
            self._work -= _ARC_WORK * len(arcs)
            if any(arc in taken or arc[::-1] in taken for arc in arcs):
                continue
            if all(self._is_forward(arc) and not self._can_cut(arc) for arc in arcs):
                self.why_not = "what holds it is part of the program's structure"
                return False
            taken.update(arc for arc in arcs if not self._is_forward(arc) or self._can_cut(arc))
            self._carry(arcs)
        return True

    def _carry(self, arcs: list[Arc]) -> None:
        """Send one unit along a path."""
        for a, b in arcs:
            if self._is_forward((a, b)):
                self._set((a, b), self._carried.get((a, b), 0) + 1)
            else:
                self._set((b, a), self._carried[b, a] - 1)
        self.value += 1

    def _is_forward(self, arc: Arc) -> bool:
        return not self._carried.get((arc[1], arc[0]))

    def _set(self, arc: Arc, units: int) -> None:
        self._carried[arc] = units
        following = self._next.setdefault(arc[0], set())
        if units:
            following.add(arc[1])
        else:
            following.discard(arc[1])

    # ---- the cut ----

    def severed(self) -> list[Severed]:
        """The saturated references into what still leads to the population."""
        found = [
            self._describe(*arc)
            for arc, units in self._carried.items()
            if units and self._toward[arc[1]] >= 0 > self._toward[arc[0]]
        ]
        found.sort(key=lambda part: (-part.reaches, part.source))
        return found

    def into(self, source: int) -> Severed:
        """The references from one of the sources."""
        edges = self.edges_into_sink(source)
        members = len(self.graph.distinct(self.graph.columns.edge_target[edges]))
        return Severed(source, edges, None, (source,), edges, members)

    def _describe(self, source: int, target: int) -> Severed:
        if target == self._sink:
            return self.into(source)
        way = [source, target]
        while self._sink not in self._next.get(way[-1], ()):
            way.append(next(n for n in self._next[way[-1]] if n not in way))
        edges = self.graph.edges_between(source, target)
        strong = edges[SKIP_WEAK[self.graph.columns.edge_kind[edges]] == 0]
        into = self.edges_into_sink(way[-1])
        return Severed(source, strong, target, tuple(way), into, self._members_below(target))

    def _members_below(self, start: int) -> int:
        """Members that a node reaches on the population's side of the cut."""
        graph, c = self.graph, self.graph.columns
        seen = np.zeros(graph.node_count, np.bool_)
        layer = np.array([start], np.int64)
        seen[layer] = True
        is_inside = (self._toward[:-1] >= 0) | self._is_sink
        while len(layer):
            edges, _ = graph.expand(layer)
            targets = c.edge_target[edges[SKIP_WEAK[c.edge_kind[edges]] == 0]]
            fresh = graph.distinct(targets[is_inside[targets] & ~seen[targets]])
            seen[fresh] = True
            layer = fresh[~self._is_sink[fresh]]
        return int((seen & self._is_sink).sum())
