"""Growth that no holder explains: garbage awaiting the collector, objects and references
that C code keeps, blocks that nothing reaches."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.comparison import Comparison, Stage
from leakhunt.analysis.diff import RAW_BLOCK
from leakhunt.analysis.native_facts import TextTables, text_tables
from leakhunt.analysis.paths import Path, PathNamer
from leakhunt.analysis.places import Series
from leakhunt.analysis.population import Population
from leakhunt.analysis.ref_cycles import RefCycle, find_ref_cycles
from leakhunt.analysis.shares import TypeShare, is_own_type, shares_of
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.holds import growth_reason
from leakhunt.store.columns import NO_NODE, SnapshotColumns

_SHOWN = 20
_IN_TABLE = ("builtins.str", True)
"""Unreached texts that a table may keep."""
_OF_STANDARD_LIBRARY = "a module of the standard library keeps it anyway"

Ints = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Loose:
    """A population that hangs from no holder."""

    what: str
    """``garbage``, ``native hold``, ``references`` or ``unreached``."""
    main_type: str
    shares: tuple[TypeShare, ...]
    series: Series
    cycles: tuple[RefCycle, ...] = ()
    """Reference cycles, commonest first, for garbage."""
    node_ids: tuple[int, ...] = ()
    """Some of the nodes, in final (for garbage: in loaded)."""
    path: Path | None = None
    """Where the object is whose references leak."""
    collector_is_off: bool | None = None
    """For garbage: was the collector disabled?  None when not known."""
    explained: str | None = None
    """For references: why their growth costs no memory, when it does not.  For what no walk
    reached: what keeps it up to a bound."""
    named: str = ""
    """For references: the name of the type when the object is one, else its path."""
    stage: str = "final"
    """The snapshot it is in: garbage is in ``loaded``."""
    population: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """All of its nodes in that snapshot."""
    blocks: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    """Addresses of what is no node, for what no walk reached."""


def find_loose(comparison: Comparison, population: Population, namer: PathNamer) -> list[Loose]:
    """All loose populations of at least the threshold, largest first.  O(nodes + edges)."""
    found = [
        *_garbage(comparison),
        *_native_objects(comparison, population),
        *_native_references(comparison, namer),
        *_unreached(comparison),
    ]
    return sorted(found, key=lambda loose: -sum(share.bytes for share in loose.shares))


# ---- garbage ----


def _garbage(comparison: Comparison) -> list[Loose]:
    loaded = comparison.stage("loaded")
    if loaded is None:
        return []
    graph = loaded.graph
    nodes = np.flatnonzero(~graph.reachable[: graph.columns.heap_count])
    if len(nodes) < comparison.thresholds:
        return []
    in_final = np.zeros(graph.node_count, np.bool_)
    in_final[loaded.of_final[loaded.of_final >= 0]] = True
    nodes = nodes[~in_final[nodes]]
    window = comparison.stage("window")
    before = comparison.baseline
    series = Series(
        "objects",
        _unreachable_count(before),
        None if window is None else _unreachable_count(window.graph),
        len(nodes),
        0,
    )
    cycles = find_ref_cycles(graph, nodes)
    if not cycles or series.loaded is None or series.loaded < comparison.thresholds:
        return []
    shares = shares_of(graph, nodes)
    # The rarest type of the program on a reference cycle is what one would call it by.
    own = [s for s in shares if is_own_type(s.type) and s.count >= comparison.thresholds]
    main = min(own, key=lambda s: s.count).type if own else cycles[0].types[0]
    return [
        Loose(
            "garbage", main, shares, series, cycles,
            _some(nodes), None, _collector_is_off(loaded.graph.columns), stage="loaded",
            population=nodes,
        )
    ]  # fmt: skip


def _unreachable_count(graph: HeapGraph) -> int:
    return int((~graph.reachable[: graph.columns.heap_count]).sum())


def _collector_is_off(columns: SnapshotColumns) -> bool | None:
    value = columns.footer.get("gc_enabled")
    return None if value is None else not value


# ---- what C code keeps ----


def _native_objects(comparison: Comparison, population: Population) -> list[Loose]:
    """Newborns reachable only through references held by C code, by the type held.

    What is below them counts: a handler that keeps the one before it hangs, with all its
    predecessors, from a single reference.
    """
    graph = comparison.final
    tops = population.native_tops()
    types = graph.columns.node_type[tops]
    leaked = np.flatnonzero(comparison.is_leaked & (population.top != NO_NODE))
    above = population.top[leaked]
    type_above = graph.columns.node_type[above]
    is_loose = np.zeros(graph.node_count, np.bool_)
    is_loose[tops] = True
    found = []
    for t in np.unique(types).tolist():
        held = tops[(types == t) & comparison.is_leaked[tops]]
        nodes = leaked[is_loose[above] & (type_above == t)]
        if len(held) >= comparison.thresholds:
            series = _epoch_series(comparison, held)
        elif len(held) and len(nodes) >= comparison.thresholds:
            series = _epoch_series(comparison, nodes)
        else:
            continue
        path = Path(f"<native hold> {graph.name_of_type(t)}", graph.name_of_type(t), ())
        named = path if len(held) < comparison.thresholds else None
        name = graph.name_of_type(t)
        every = np.union1d(held, nodes)
        # What is held comes first; what hangs from it may be larger.
        shares = tuple(sorted(shares_of(graph, every), key=lambda share: share.type != name))
        found.append(
            Loose("native hold", name, shares, series, (), _some(held), named, population=every)
        )
    return found


def _native_references(comparison: Comparison, namer: PathNamer) -> list[Loose]:
    """Old objects whose uncounted references grew by at least one a cycle."""
    final, baseline = comparison.final, comparison.baseline
    if comparison.cycles is None or not comparison.is_same_process:
        return []
    grown = np.zeros(final.node_count, np.uint8)
    least = math.ceil(max(comparison.thresholds, 0.9 * comparison.cycles))
    _kernels.mark_grown(final.surplus, baseline.surplus, comparison.to_baseline, least, grown)
    rows = np.flatnonzero(grown)
    rows = rows[rows < final.columns.heap_count]
    found = []
    for node in rows.tolist()[:_SHOWN]:
        series = Series("references", *_surplus_values(comparison, node))
        name = final.type_name(node)
        size = int(final.columns.node_size[node])
        path = namer.path(node)
        shares = (TypeShare(name, 1, size),)
        own_name = final.name_of_type_object(node)
        named = str(path) if own_name in (None, name) else own_name
        reason = growth_reason(final, node) or _standard_reason(path)
        found.append(
            Loose(
                "references", name, shares, series, (), (node,), path, None, reason, named or name
            )
        )
    return found


def _standard_reason(path: Path) -> str | None:
    """Why references to what a module of the standard library names cost no memory."""
    is_standard = path.start.partition(".")[0] in sys.stdlib_module_names
    return _OF_STANDARD_LIBRARY if is_standard and not path.steps else None


def _surplus_values(comparison: Comparison, node: int) -> list[int | None]:
    values: list[int | None] = []
    for name in ("baseline", "window", "loaded", "final"):
        stage = comparison.stage(name)
        there = -1 if stage is None else int(stage.of_final[node])
        values.append(None if stage is None or there < 0 else int(stage.graph.surplus[there]))
    return values


def _unreached(comparison: Comparison) -> list[Loose]:
    """Blocks that no walk reaches, by type; texts that a table may keep are told apart.
    O(blocks log blocks)."""
    if not comparison.is_same_process:
        return []
    final = comparison.stages["final"]
    tables = text_tables(final.graph)
    if len(_unreached_rows(final, tables.text_bytes).get(_IN_TABLE, ())) > tables.entry_count:
        tables = TextTables()
    rows_by_stage = {
        name: _unreached_rows(stage, tables.text_bytes)
        for name in ("window", "loaded", "final")
        if (stage := comparison.stage(name)) is not None
    }
    c = final.graph.columns
    found = []
    for group, rows in rows_by_stage["final"].items():
        if len(rows) >= comparison.thresholds:
            window, loaded = (
                len(rows_by_stage[name].get(group, ())) if name in rows_by_stage else None
                for name in ("window", "loaded")
            )
            series = Series("objects", 0, window, loaded, len(rows))
            shares = (TypeShare(group[0], len(rows), int(c.unreached_size[rows].sum())),)
            reason = _kept_by(tables) if group == _IN_TABLE else None
            blocks = c.unreached_address[rows]
            found.append(
                Loose("unreached", group[0], shares, series, explained=reason, blocks=blocks)
            )
    return found


def _unreached_rows(stage: Stage, text_bytes: int) -> dict[tuple[str, bool], Ints]:
    """Rows of the blocks that no walk reached, by type and by whether they are texts of at most
    so many bytes.  O(blocks log blocks)."""
    c, graph = stage.graph.columns, stage.graph
    order = np.argsort(c.unreached_type, kind="stable")
    found: dict[tuple[str, bool], list[Ints]] = {}
    for rows in np.split(order, np.flatnonzero(np.diff(c.unreached_type[order])) + 1):
        if not len(rows):
            continue
        t = int(c.unreached_type[rows[0]])
        name = RAW_BLOCK if t < 0 else graph.name_of_type(t)
        is_in_table = (c.unreached_size[rows] <= text_bytes) & (name == _IN_TABLE[0])
        for group in (False, True):
            found.setdefault((name, group), []).append(rows[is_in_table == group])
    return {group: np.concatenate(several) for group, several in found.items()}


def _kept_by(tables: TextTables) -> str:
    return (
        f"parsers in C ({', '.join(tables.owners)}) keep up to {tables.entry_count:,} of those "
        "they parse, in tables that Python cannot see"
    )


# ---- sums ----


def _epoch_series(comparison: Comparison, nodes: Ints) -> Series:
    has_window = comparison.window_cycles is not None
    first = int((comparison.epoch[nodes] == 1).sum())
    return Series("objects", 0, first if has_window else None, len(nodes), len(nodes))


def _some(nodes: Ints) -> tuple[int, ...]:
    return tuple(int(node) for node in nodes[:_SHOWN])
