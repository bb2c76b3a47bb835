"""A ladder of snapshots: added one by one, compared by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from leakhunt.agent.format import Fact
from leakhunt.analysis.paths import PathNamer
from leakhunt.analysis.trend.alignment import Alignment, align
from leakhunt.analysis.trend.grouping import PathGroups, path_groups
from leakhunt.analysis.trend.growers import Grower, Steps, find_growers, rising
from leakhunt.analysis.trend.results import (
    GrownType,
    HolderTrend,
    Trend,
    TrendPoint,
    TypeTrend,
)
from leakhunt.analysis.trend.slope import Slope, slope
from leakhunt.errors import UsageError
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import I64, NO_NODE

SHOWN_TYPES = 5
"""Types told of each grower."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rung:
    """What is kept of one snapshot."""

    point: TrendPoint
    groups: PathGroups
    count_by_type: dict[str, int]
    bytes_by_type: dict[str, int]
    keeps_nodes: bool


class Ladder:
    """Collects snapshots in order; of their graphs only the last one is kept.

    ``unit`` is what ``x`` counts: ``cycle``, ``minute`` or ``snapshot``.
    """

    def __init__(self, unit: str = "cycle") -> None:
        self.unit = unit
        self._rungs: list[_Rung] = []
        self._loaded: PathGroups | None = None
        self._loaded_after = -1
        self._graph: HeapGraph | None = None
        self._alignment: Alignment | None = None

    def add(
        self, graph: HeapGraph, label: str, x: float, run: int = 0, *, keeps_nodes: bool = False
    ) -> int:
        """Add a settled snapshot; its number in the ladder.  O((nodes + edges) log nodes).

        ``keeps_nodes``: :meth:`values` will be asked for nodes of it; that takes eight bytes a
        node until the end.
        """
        c = graph.columns
        counts, sizes = _by_type(graph)
        point = TrendPoint(label, x, run, c.heap_count, int(c.node_size.sum()))
        self._forget_nodes()
        self._rungs.append(_Rung(point, path_groups(graph), counts, sizes, keeps_nodes))
        self._graph, self._alignment = graph, None
        return len(self._rungs) - 1

    def _forget_nodes(self) -> None:
        """Of what came before only the groups are needed."""
        if self._rungs and not self._rungs[-1].keeps_nodes:
            rung = self._rungs[-1]
            groups = replace(rung.groups, group_of_node=np.zeros(0, np.int64))
            self._rungs[-1] = replace(rung, groups=groups)

    def add_loaded(self, graph: HeapGraph) -> None:
        """Add the state before it settled into the snapshot that is added next."""
        self._loaded = replace(path_groups(graph), group_of_node=np.zeros(0, np.int64))
        self._loaded_after = len(self._rungs)
        self._alignment = None

    def __len__(self) -> int:
        return len(self._rungs)

    @property
    def points(self) -> tuple[TrendPoint, ...]:
        """The settled snapshots."""
        return tuple(rung.point for rung in self._rungs)

    @property
    def steps(self) -> Steps:
        """Pairs of snapshots that follow each other in one process; when every snapshot is of
        another process, as they were given."""
        runs = [rung.point.run for rung in self._rungs]
        if len(set(runs)) == len(runs):
            return list(pairwise(range(len(runs))))
        found = []
        for run in dict.fromkeys(runs):
            found += list(pairwise(i for i, one in enumerate(runs) if one == run))
        return found

    @property
    def alignment(self) -> Alignment:
        """All snapshots beside each other, the loaded one last."""
        if self._alignment is None:
            groups = [rung.groups for rung in self._rungs]
            if self._loaded is not None:
                groups.append(self._loaded)
            self._alignment = align(groups, aside=frozenset({len(self._rungs)}))
        return self._alignment

    def values(self, unit: str, number: int, node: int) -> tuple[int, ...] | None:
        """A measure of the path of a node of snapshot ``number`` at every point; None when the
        node is unreachable there.  ``objects`` counts all below it.  The snapshot must be the last
        one or have been added with ``keeps_nodes``."""
        group = int(self._rungs[number].groups.group_of_node[node])
        if group < 0:
            return None
        a = self.alignment
        row = int(a.row_of_group[number][group])
        table = {"entries": a.entries, "bytes": a.bytes}.get(unit)
        if table is None:
            table = a.below(a.objects)
        return tuple(table[: len(self._rungs), row].tolist())

    def trend(self) -> Trend:
        """What grows.  Raises UsageError for fewer than three snapshots or none in order."""
        if len(self._rungs) < 3:
            raise UsageError(
                f"a trend takes 3 or more snapshots, not {len(self._rungs)}",
                hint="hunt with --ladder 2 or more, or give more files; leakhunt diff takes two",
            )
        if not self.steps or any(
            self._rungs[a].point.x >= self._rungs[b].point.x for a, b in self.steps
        ):
            raise UsageError(
                f"the snapshots are not in order of the {self.unit}s they stand for",
                hint="give them in the order in which they were taken",
            )
        points = self.points
        holders = [self._holder(grower) for grower in self._growers()]
        holders.sort(key=lambda h: (h.noise is not None, -h.bytes_slope.rate, h.path))
        return Trend(
            unit=self.unit,
            points=points,
            objects_slope=self._slope([p.objects for p in points]),
            bytes_slope=self._slope([p.bytes for p in points]),
            types=self._types(),
            holders=tuple(holders),
        )

    # ---- growers ----

    @property
    def _least(self) -> int:
        """Fewest objects or entries that are worth a word: as in a diff."""
        span = sum(self._rungs[b].point.x - self._rungs[a].point.x for a, b in self.steps)
        return max(3, -int(-span // 20)) if self.unit == "cycle" else 10

    def _growers(self) -> list[Grower]:
        least = self._least
        return find_growers(self.alignment, self.steps, least=least, least_bytes=64 * least)

    def _slope(self, values: Sequence[float]) -> Slope:
        points = self.points
        return slope([p.x for p in points], values, [p.run for p in points])

    def _types(self) -> tuple[TypeTrend, ...]:
        names = sorted({name for rung in self._rungs for name in rung.count_by_type})
        counts = np.array([[r.count_by_type.get(n, 0) for n in names] for r in self._rungs])
        sizes = np.array([[r.bytes_by_type.get(n, 0) for n in names] for r in self._rungs])
        found = [
            TypeTrend(
                type=names[i],
                counts=tuple(counts[:, i].tolist()),
                bytes=tuple(sizes[:, i].tolist()),
                count_slope=self._slope(counts[:, i].tolist()),
                bytes_slope=self._slope(sizes[:, i].tolist()),
            )
            for i in np.flatnonzero(rising(counts, self.steps, self._least)).tolist()
        ]
        return tuple(sorted(found, key=lambda t: (-t.bytes_slope.rate, t.type)))

    def _holder(self, grower: Grower) -> HolderTrend:
        graph, node = self._graph_of_last(), self._node(grower.row)
        n, last = len(self._rungs), self._last
        values, sizes = grower.values[:n].tolist(), grower.bytes[:n].tolist()
        drained = None
        if self._loaded is not None and self._loaded_after < n:
            drained = int(grower.values[n] - grower.values[self._loaded_after])
        return HolderTrend(
            path=str(PathNamer(graph).path(node, self._is_open)),
            type=graph.type_name(node),
            unit=grower.unit,
            values=tuple(values),
            slope=self._slope(values),
            bytes=tuple(sizes),
            bytes_slope=self._slope(sizes),
            types=self._grown_types(grower, last),
            drained=drained,
            noise=_noise(graph, node),
        )

    def _grown_types(self, grower: Grower, last: PathGroups) -> tuple[GrownType, ...]:
        """What grew below, by type: slopes of each row, summed."""
        a, n = self.alignment, len(self._rungs)
        group_of_row = self._group_of_row()
        sums: dict[str, list[float]] = {}
        for row in grower.below.tolist():
            group = int(group_of_row[row])
            if group < 0:
                continue
            name = last.type_name_by_hash[int(last.type[group])]
            rates = sums.setdefault(name, [0.0, 0.0])
            rates[0] += self._slope(a.objects[:n, row].tolist()).rate
            rates[1] += self._slope(a.bytes[:n, row].tolist()).rate
        found = [GrownType(name, *rates) for name, rates in sums.items() if max(rates) > 0]
        return tuple(sorted(found, key=lambda t: (-t.bytes_per_unit, t.type))[:SHOWN_TYPES])

    # ---- the last snapshot, which names what grew ----

    @property
    def _last(self) -> PathGroups:
        return self._rungs[-1].groups

    def _graph_of_last(self) -> HeapGraph:
        assert self._graph is not None
        return self._graph

    def _group_of_row(self) -> I64:
        """(rows,) group of each row in the last snapshot, the nearest to the root; -1."""
        a, rows = self.alignment, self.alignment.row_of_group[len(self._rungs) - 1]
        found = np.full(len(a.parent), -1, np.int64)
        found[rows[::-1]] = np.arange(len(rows))[::-1]
        return found

    def _node(self, row: int) -> int:
        return int(self._last.first[self._group_of_row()[row]])

    def _is_open(self, node: int) -> bool:
        group = int(self._last.group_of_node[node])
        row = self.alignment.row_of_group[len(self._rungs) - 1][group]
        return bool(self.alignment.is_star[row])


def _by_type(graph: HeapGraph) -> tuple[dict[str, int], dict[str, int]]:
    """Objects and shallow bytes by type name, unreachable ones too."""
    c = graph.columns
    types = c.node_type[: c.heap_count]
    count = np.bincount(types, minlength=c.type_count).tolist()
    size = np.bincount(types, c.node_size[: c.heap_count], minlength=c.type_count).tolist()
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for i in range(c.type_count):
        if count[i]:
            name = graph.name_of_type(i)
            counts[name] = counts.get(name, 0) + count[i]
            sizes[name] = sizes.get(name, 0) + int(size[i])
    return counts, sizes


_BOUND_ABOVE = 4
"""A bound is the holder's own, or that of the container it is a part of."""


def _noise(graph: HeapGraph, node: int) -> str | None:
    """Why a holder is ranked lower: it has a bound, or is part of a cache of the interpreter or
    of a test runner."""
    at = node
    for _ in range(_BOUND_ABOVE):
        bound = graph.fact(at, Fact.MAXSIZE)
        if bound is not None and bound >= 0:
            return f"bounded at {bound:,}"
        if int(graph.tree.parent[at]) == NO_NODE:
            break
        at = int(graph.tree.parent[at])
    notes = graph.plan.noise | graph.plan.noise_roots
    while node not in notes and int(graph.tree.parent[node]) != NO_NODE:
        node = int(graph.tree.parent[node])
    note = notes.get(node)
    return None if note is None else f"known noise: {note.reason}"
