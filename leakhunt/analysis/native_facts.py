"""What C code keeps, by type: facts, no accusations."""

from __future__ import annotations

from leakhunt.analysis.results import HoldRow
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.holds import holds_by_type

_CACHE_BYTES = {"sqlite3.Connection": 2000 << 10}
"""What C libraries keep for each object of a type by their own bounds, beside the object.
SQLite's page cache is 2,000 KiB unless ``PRAGMA cache_size`` says otherwise."""


def native_cache_bytes(graph: HeapGraph) -> int:
    """Bytes outside Python objects that caches of C libraries in use may grow to.  O(nodes)."""
    c = graph.columns
    kept = 0
    for index in range(c.type_count):
        each = _CACHE_BYTES.get(graph.name_of_type(index))
        if each is not None:
            kept += each * int((c.node_type[: c.heap_count] == index).sum())
    return kept


def hold_rows(baseline: HeapGraph, final: HeapGraph) -> tuple[HoldRow, ...]:
    """Native holds by type: most growth first, then most references.  O(nodes + edges)."""
    before = {row.type: row for row in holds_by_type(baseline)}
    after = {row.type: row for row in holds_by_type(final)}
    found = []
    for name in before.keys() | after.keys():
        b, f = before.get(name), after.get(name)
        known = f or b
        found.append(
            HoldRow(
                type=name,
                objects_baseline=0 if b is None else b.objects,
                objects_final=0 if f is None else f.objects,
                references_baseline=0 if b is None else b.references,
                references_final=0 if f is None else f.references,
                unexplained=0 if f is None else f.unexplained,
                reason=None if known is None else known.reason,
            )
        )
    return tuple(sorted(found, key=lambda r: (-r.references_delta, -r.references_final, r.type)))
