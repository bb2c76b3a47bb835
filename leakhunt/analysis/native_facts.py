"""Native holds of two snapshots, by type: facts, no accusations."""

from __future__ import annotations

from leakhunt.analysis.results import HoldRow
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.holds import holds_by_type


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
