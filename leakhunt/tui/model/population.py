"""The whole leaked population of a finding: who keeps it, and its members as rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.listing import list_nodes
from leakhunt.analysis.retainers import find_retainers
from leakhunt.report import units
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.model.instances import Instances
from leakhunt.tui.model.subject import Population
from leakhunt.tui.widgets.words import Cell, name, plain

Ints = npt.NDArray[np.int64]


def population_of(heap: HeapView, nodes: Ints, ignored: Collection[int]) -> Population:
    """Who keeps the nodes, without the ignored retainers.  O(nodes + edges): for workers."""
    graph = heap.graph
    if ignored:
        graph = graph.without(graph.expand(np.array(sorted(ignored), np.int64))[0])
    found = find_retainers(graph, nodes, with_independent=False)
    order = list_nodes(heap.graph, nodes).nodes.astype(np.int64)
    return Population(
        nodes=order,
        bytes=found.bytes,
        retained_bytes=int(heap.graph.retained_bytes[nodes].sum()),
        paths=found.merged,
        unkept=found.objects - found.reachable,
    )


class PopulationRows:
    """First the merged paths, then the members."""

    def __init__(self, population: Population, members: Instances) -> None:
        self.population, self.members = population, members
        self._first = len(population.paths) + 2

    def __len__(self) -> int:
        """How many rows there are."""
        return self._first + len(self.members)

    def node(self, index: int) -> int | None:
        """The member on a line, None on other lines."""
        at = index - self._first
        return int(self.members.nodes[at]) if 0 <= at < len(self.members) else None

    def path(self, index: int) -> str | None:
        """The path on a line, None on other lines."""
        paths, at = self.population.paths, index - 1
        return str(paths[at].path) if 0 <= at < len(paths) else None

    def cells(self, index: int) -> Sequence[Cell]:
        """One row."""
        paths = self.population.paths
        if index == 0:
            text = units.plural(len(paths), "retaining path")
            return ([("▾ held by ", "strong"), (text, "quiet")],)
        if index <= len(paths):
            path = paths[index - 1]
            noise = [(f"  {path.noise}", "quiet")] if path.noise else []
            spans = [(f"  {path.objects:>8,} × ", "quiet"), (name(str(path.path), 300), "name")]
            return ([*spans, *noise], units.size(path.bytes), "", "")
        if index == self._first - 1:
            text = units.plural(len(self.members), "object")
            return ([("▾ members ", "strong"), (text, "quiet")],)
        _, _, size, retained, _, age, where = self.members.cells(index - self._first)
        node = self.node(index)
        kind = name(self.members.heap.type_of(node or 0), 60)
        spans = [("  ", ""), (kind, ""), (f"  {plain(where)}", "quiet")]
        return (spans, size, retained, age)
