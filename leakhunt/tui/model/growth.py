"""The growth table: sorted, filtered, grouped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from leakhunt.analysis.results import GrowthRow
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph

SUMS: Final = (
    "count_baseline", "count_loaded", "count_final", "bytes_baseline", "bytes_loaded",
    "bytes_final", "born", "departed", "transient", "late", "resized_bytes", "garbage",
    "unreached",
)  # fmt: skip


def rows_of_heap(graph: HeapGraph) -> tuple[GrowthRow, ...]:
    """The types of one heap, as if nothing had been before.  O(nodes) vectorised."""
    c = graph.columns
    types = c.node_type[: c.heap_count]
    count, size = np.zeros(c.type_count, np.int64), np.zeros(c.type_count, np.int64)
    _kernels.tally(types, None, None, count)
    _kernels.tally(types, None, c.node_size[: c.heap_count], size)
    found: dict[str, GrowthRow] = {}
    for t in np.flatnonzero(count).tolist():
        name = graph.name_of_type(t)
        row = _row(name, count_final=int(count[t]), bytes_final=int(size[t]))
        found[name] = row if name not in found else summed(name, [found[name], row])
    return tuple(found.values())


def _row(name: str, **values: int) -> GrowthRow:
    return GrowthRow(name, **{**dict.fromkeys(SUMS, 0), **values})


def summed(name: str, rows: Iterable[GrowthRow]) -> GrowthRow:
    """One row for several types."""
    every = list(rows)
    return GrowthRow(name, **{key: sum(getattr(row, key) for row in every) for key in SUMS})


def module_of(type_name: str) -> str:
    """The package or module a type is in: what stands before its last dot."""
    return type_name.rpartition(".")[0] or type_name


@dataclass(slots=True)
class GrowthTable:
    """Rows in the order and selection a person asked for."""

    rows: Sequence[GrowthRow] = ()
    sort: str = "delta"
    is_descending: bool = True
    unit: str = "bytes"
    """bytes or count: what baseline, loaded, final and delta are of."""
    is_grouped: bool = False
    text: str = ""
    """Types that contain it, whatever the case."""
    shown: list[GrowthRow] = field(default_factory=list)

    def arrange(self) -> None:
        """Select, group and sort.  O(types x log types)."""
        wanted = self.text.lower()
        rows = [row for row in self.rows if wanted in row.type.lower()]
        if self.is_grouped:
            by_module: dict[str, list[GrowthRow]] = {}
            for row in rows:
                by_module.setdefault(module_of(row.type), []).append(row)
            rows = [summed(name, members) for name, members in by_module.items()]
        rows.sort(key=lambda row: row.type)
        if self.sort == "type":
            rows.sort(key=lambda row: row.type, reverse=self.is_descending)
        else:
            value = self.amount(self.sort)
            # The largest change first, whichever its sign: what shrank is news too.
            rows.sort(key=lambda row: abs(value(row)), reverse=self.is_descending)
        self.shown = rows

    def amount(self, key: str) -> Callable[[GrowthRow], int]:
        """What a column shows of a row, as a number."""
        unit = self.unit
        by_key: dict[str, Callable[[GrowthRow], int]] = {
            "baseline": lambda row: int(getattr(row, f"{unit}_baseline")),
            "loaded": lambda row: int(getattr(row, f"{unit}_loaded")),
            "final": lambda row: int(getattr(row, f"{unit}_final")),
            "delta": lambda row: int(getattr(row, f"{unit}_delta")),
            "resized": lambda row: row.resized_bytes,
        }
        return by_key.get(key) or (lambda row: int(getattr(row, key)))
