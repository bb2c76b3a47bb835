"""Growth by type over the snapshots of a hunt."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.comparison import EPOCH_LATE, EPOCH_OLD, Comparison
from leakhunt.analysis.results import GrowthRow
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.identity import compose
from leakhunt.store.columns import I32, I64, U8, U32, U64, SnapshotColumns

RAW_BLOCK = "<raw block>"
"""Type of an unreached block whose header is not that of an object."""


@dataclass(slots=True)
class _Names:
    """Numbers type names across snapshots."""

    number: dict[str, int] = field(default_factory=dict)

    def ids(self, graph: HeapGraph) -> I64:
        """(type_count,) number of each type's name."""
        names = (graph.name_of_type(i) for i in range(graph.columns.type_count))
        numbers = [self.number.setdefault(name, len(self.number)) for name in names]
        return np.array(numbers, np.int64)


class _Tally:
    """Sums by type name."""

    def __init__(self, comparison: Comparison) -> None:
        self.names = _Names()
        self.ids = {name: self.names.ids(stage.graph) for name, stage in comparison.stages.items()}
        self.names.number.setdefault(RAW_BLOCK, len(self.names.number))

    def of(
        self, stage: str, columns: SnapshotColumns, chosen: npt.NDArray[np.bool_] | None = None
    ) -> I64:
        """Objects by type name among the chosen nodes.  O(nodes)."""
        heap = columns.heap_count
        mask = None if chosen is None else chosen[:heap].view(np.uint8)
        return self._sum(self.ids[stage], columns.node_type[:heap], mask, None)

    def bytes_of(
        self, stage: str, columns: SnapshotColumns, chosen: npt.NDArray[np.bool_] | None = None
    ) -> I64:
        """Shallow bytes by type name of the chosen nodes.  O(nodes)."""
        heap = columns.heap_count
        mask = None if chosen is None else chosen[:heap].view(np.uint8)
        return self._sum(self.ids[stage], columns.node_type[:heap], mask, columns.node_size[:heap])

    def _sum(self, ids: I64, types: U32, chosen: U8 | None, weights: U64 | None) -> I64:
        per_type = np.zeros(len(ids), np.int64)
        _kernels.tally(types, chosen, weights, per_type)
        return self._by_name(ids, per_type)

    def _by_name(self, ids: I64, per_type: I64) -> I64:
        out = np.zeros(len(self.names.number), np.int64)
        np.add.at(out, ids, per_type)
        return out

    def resized(self, comparison: Comparison) -> I64:
        """Size changes of objects in baseline and final, by type name, which is that of the
        object in both.  O(nodes)."""
        b, f, there = comparison.baseline.columns, comparison.final.columns, comparison.to_baseline
        after = self.bytes_of("final", f, there >= 0)
        return after - self.bytes_of("baseline", b, _hit(b.node_count, there))

    def unreached(self, columns: SnapshotColumns) -> I64:
        """Unreached blocks by type name.  O(blocks)."""
        out = np.zeros(len(self.names.number), np.int64)
        typed = columns.unreached_type >= 0
        np.add.at(out, self.ids["final"][columns.unreached_type[typed]], 1)
        out[self.names.number[RAW_BLOCK]] += int((~typed).sum())
        return out


def growth(comparison: Comparison) -> tuple[GrowthRow, ...]:
    """One row per type that is in any snapshot, largest growth in bytes first.

    Without a loaded snapshot, final stands for it.  O(nodes) vectorised.
    """
    tally = _Tally(comparison)
    b, f = comparison.baseline.columns, comparison.final.columns
    loaded = comparison.stage("loaded")
    name, middle = ("final", f) if loaded is None else ("loaded", loaded.graph.columns)
    born, departed, transient, late, garbage = _changes(comparison, tally)
    columns = [
        tally.of("baseline", b), tally.of(name, middle), tally.of("final", f),
        tally.bytes_of("baseline", b), tally.bytes_of(name, middle), tally.bytes_of("final", f),
        born, departed, transient, late, tally.resized(comparison), garbage,
        tally.unreached(f),
    ]  # fmt: skip
    table = np.stack(columns, axis=1).tolist()
    rows = [
        GrowthRow(type_name, *table[i])
        for type_name, i in tally.names.number.items()
        if any(table[i])
    ]
    rows.sort(key=lambda row: (-abs(row.bytes_delta), -abs(row.count_delta), row.type))
    return tuple(rows)


def _changes(comparison: Comparison, tally: _Tally) -> tuple[I64, I64, I64, I64, I64]:
    """Born, departed, transient, late and garbage by type name."""
    b, f = comparison.baseline.columns, comparison.final.columns
    zero = np.zeros(len(tally.names.number), np.int64)
    loaded = comparison.stage("loaded")
    garbage = zero
    if loaded is not None:
        garbage = tally.of("loaded", loaded.graph.columns, ~loaded.graph.reachable)
    if not comparison.is_same_process:
        return zero, zero, zero, zero, garbage
    epoch = comparison.epoch
    born = tally.of("final", f, (epoch != EPOCH_OLD) & (epoch != EPOCH_LATE))
    late = tally.of("final", f, epoch == EPOCH_LATE)
    departed = tally.of("baseline", b, ~_hit(b.node_count, comparison.to_baseline))
    transient = zero
    if loaded is not None:
        steps = comparison.links[:-1]
        since = compose([step.earlier for step in steps[::-1]]) < 0
        kept = _hit(len(since), loaded.of_final)
        transient = tally.of("loaded", loaded.graph.columns, since & ~kept)
    return born, departed, transient, late, garbage


def _hit(count: int, ids: I32) -> npt.NDArray[np.bool_]:
    mask = np.zeros(count, np.bool_)
    mask[ids[ids >= 0]] = True
    return mask
