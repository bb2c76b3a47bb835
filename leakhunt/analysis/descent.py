"""Down from the anchor to the accumulation point.

A path can be the holder: ``STATE = {**STATE, k: v}`` makes a new dict each time, and yet it
is one place that grows.  From the anchor the descent follows, through newborn nodes, the one
label that carries the population, as long as that label is a name or was there before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.comparison import EPOCH_FIRST, Comparison
from leakhunt.analysis.paths import PathNamer, Step, star
from leakhunt.analysis.places import Place, follow
from leakhunt.analysis.population import Group, Population
from leakhunt.analysis.shares import without_keys
from leakhunt.graph import _kernels

CARRIES = 0.9
"""Share of the population that one label must carry for the descent to follow it."""
_MOST_DEEPENED = 5000
_SAMPLED_LINKS = 200
_SHOWN_WAYS = 4
_LONGEST_PERIOD = 6
"""Edges from one link of a chain to the next: instance, dict, cell, tuple ..."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Landing:
    """Where the descent ended."""

    place: Place
    direct: Ints
    """Leaked nodes right below; those of the whole chain when it is one."""
    literal: tuple[int, ...]
    """Newborn nodes on the way whose label existed at the baseline."""
    chain_step: Step | None = None
    """The step that repeats."""


class Descent:
    """Finds landings in one comparison."""

    def __init__(self, comparison: Comparison, population: Population, namer: PathNamer) -> None:
        self.comparison, self.population, self.namer = comparison, population, namer
        self.graph = comparison.final
        tree = self.graph.tree
        self._leaked_below = comparison.is_leaked.astype(np.uint32)
        _kernels.sum_up(tree.order, tree.parent, self._leaked_below)

    def land(self, group: Group) -> Landing:
        """The accumulation point of a group.  O(degree) a step."""
        if group.structure is not None:
            return self._tree(group, group.structure)
        anchor = int(group.anchors[0])
        stay = Landing(Place(anchor, (), anchor), self._leaked(group.tops), ())
        if group.is_merged or not len(group.tops):
            return stay
        top = int(group.tops[np.argmax(self._leaked_below[group.tops])])
        edge = int(self.graph.tree.parent_edge[top])
        before = int(self.comparison.to_baseline[anchor])
        there = self._before(before, edge, top)
        if group.is_item and (there < 0 or self._leaked_below[top] < CARRIES * max(1, group.count)):
            return stay
        return self._walk(group, anchor, edge, top, there)

    def _walk(self, group: Group, anchor: int, edge: int, node: int, before: int) -> Landing:
        labels, literal = [edge], [node]
        while True:
            step = self._heaviest(node)
            if step is None or self._leaked_below[step[1]] < CARRIES * max(1, group.count):
                break
            edge, child = step
            period = self._period(node)
            if period:
                return self._chain(Place(anchor, tuple(labels), node), period, literal)
            there = self._before(before, edge, child)
            if there < 0 and not self._is_name(edge, node):
                break
            labels.append(edge)
            literal.append(child)
            node, before = child, there
        place = Place(anchor, tuple(labels), node)
        return Landing(place, self._leaked(self._children(node)), tuple(literal))

    def _before(self, before: int, edge: int, child: int) -> int:
        """What the label led to at the baseline, -1 unless it was of the same type."""
        if before < 0:
            return -1
        baseline = self.comparison.stages["baseline"]
        found = follow(self.comparison, baseline, before, edge)
        if found is None or baseline.graph.type_name(found) != self.graph.type_name(child):
            return -1
        return found

    def _is_name(self, edge: int, source: int) -> bool:
        kind = self.graph.kind(edge)
        if kind in (EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL):
            return True
        return kind == EdgeKind.VALUE and bool(self.graph.is_namespace[source])

    def _children(self, node: int) -> Ints:
        """Newborn tree children.  O(degree) vectorised."""
        span = self.graph.edges(node)
        ids = np.arange(span.start, span.stop)
        targets = self.graph.columns.edge_target[ids]
        tree = self.graph.tree
        own = (tree.parent[targets] == node) & (tree.parent_edge[targets] == ids)
        children: Ints = targets[own & self.comparison.is_new[targets]].astype(np.int64)
        return children

    def _heaviest(self, node: int) -> tuple[int, int] | None:
        children = self._children(node)
        if not len(children):
            return None
        child = int(children[np.argmax(self._leaked_below[children])])
        return int(self.graph.tree.parent_edge[child]), child

    def _leaked(self, nodes: Ints) -> Ints:
        return nodes[self.comparison.is_leaked[nodes]]

    # ---- linked structures ----

    def _tree(self, group: Group, root: int) -> Landing:
        """All new links of a tree, and the ways from one to the next."""
        graph = self.graph
        below = graph.below(group.tops)
        link = graph.type_index(root)
        links = below[graph.columns.node_type[below] == link]
        texts: set[str] = set()
        for top in group.tops[:_SAMPLED_LINKS].tolist():
            texts.add(self._way_to(top, link))
        text = "|".join(sorted(texts)[:_SHOWN_WAYS])
        step = Step(f"({text})*", "attr", root, graph.type_name(root))
        return Landing(Place(root, (), root), self._leaked(links), (), chain_step=step)

    def _way_to(self, node: int, link: int) -> str:
        """How the link above leads to this one."""
        tree, way = self.graph.tree, [(int(self.graph.tree.parent_edge[node]), node)]
        above = int(tree.parent[node])
        while self.graph.type_index(above) != link and len(way) < _LONGEST_PERIOD:
            way.insert(0, (int(tree.parent_edge[above]), above))
            above = int(tree.parent[above])
        return "".join(star(step).text for step in self.namer.way(above, way))

    # ---- few newborns that each grow ----

    def deepen(self, group: Group) -> Group | None:
        """The containers inside the few newborns of a group, when those are what grows.

        Follows the attribute that carries the population, in all of them at once.
        O(degree) of each.
        """
        nodes = without_keys(self.graph, group.tops)
        if len(nodes) > _MOST_DEEPENED:
            return None
        whole = int(self._leaked_below[nodes].sum())
        nodes = self._commonest_type(nodes)
        weight = int(self._leaked_below[nodes].sum())
        if weight < CARRIES * whole:
            return None
        for _ in range(_LONGEST_PERIOD):
            inner = self._inner(nodes)
            if inner is None or self._leaked_below[inner].sum() < CARRIES * (weight - len(nodes)):
                break
            nodes = inner
        tops = np.concatenate([self._children(int(node)) for node in nodes])
        if len(tops) < self.comparison.thresholds:
            return None
        below = self.graph.below(tops)
        first = self.comparison.is_leaked[below] & (self.comparison.epoch[below] == EPOCH_FIRST)
        count = int(self._leaked_below[tops].sum())
        return Group(nodes, tops, True, 0, count, group.bytes, int(first.sum()), len(tops), count)

    def _commonest_type(self, nodes: Ints) -> Ints:
        types = self.graph.columns.node_type[nodes]
        weights = np.bincount(types, self._leaked_below[nodes].astype(np.float64))
        chosen: Ints = nodes[types == int(np.argmax(weights))]
        return chosen

    def _inner(self, nodes: Ints) -> Ints | None:
        """What the heaviest attribute of the first leads to, in each; None if it has none."""
        step = self._heaviest(int(nodes[np.argmax(self._leaked_below[nodes])]))
        if step is None or not self._is_name(step[0], self.graph.source(step[0])):
            return None
        final = self.comparison.stages["final"]
        found = [follow(self.comparison, final, node, step[0]) for node in nodes.tolist()]
        inner = np.array([node for node in found if node is not None], np.int64)
        return inner[self.comparison.is_new[inner]]

    def _period(self, node: int) -> list[int]:
        """Edges from one link to the next, when the same labels lead on to the same type
        once more; empty when this is no chain."""
        edges: list[int] = []
        name, at = self.graph.type_name(node), node
        while len(edges) < _LONGEST_PERIOD:
            step = self._heaviest(at)
            if step is None or 2 * self._leaked_below[step[1]] < self._leaked_below[at]:
                return []
            edges.append(step[0])
            at = step[1]
            if self.graph.type_name(at) == name and self._next_link(at, edges) is not None:
                return edges
        return []

    def _next_link(self, node: int, period: list[int]) -> int | None:
        """The next link of a chain, None at its end.  O(degree) a label."""
        final = self.comparison.stages["final"]
        name, at = self.graph.type_name(node), node
        for edge in period:
            found = follow(self.comparison, final, at, edge)
            if found is None:
                return None
            at = found
        return at if self.graph.type_name(at) == name else None

    def _chain(self, place: Place, period: list[int], literal: list[int]) -> Landing:
        graph = self.graph
        links: list[int] = []
        seen: set[int] = set()
        node: int | None = place.node
        while node is not None and node not in seen and self.comparison.is_new[node]:
            seen.add(node)
            links.append(node)
            node = self._next_link(node, period)
        way = [(edge, graph.target(edge)) for edge in period]
        words = self.namer.way(graph.source(period[0]), way)
        text = "".join(step.text for step in words)
        step = Step(f"({text})*", words[-1].kind, place.node, graph.type_name(place.node))
        direct = self._leaked(np.array(links, np.int64))
        return Landing(place, direct, tuple(literal), chain_step=step)
