"""What C code keeps, by type: facts, no accusations."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.analysis.results import HoldRow
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.holds import holds_by_type

_CACHE_BYTES = {"sqlite3.Connection": 2000 << 10}
"""What C libraries keep for each object of a type by their own bounds, beside the object.
SQLite's page cache is 2,000 KiB unless ``PRAGMA cache_size`` says otherwise."""

_TEXT_TABLES = {
    "pydantic_core._pydantic_core": ("pydantic_core", 16_384),
    "jiter.jiter": ("jiter", 16_384),
    "orjson.orjson": ("orjson", 2_048),
}
"""Modules in C that keep short texts out of the JSON they parse, each in a table of its own: the
package, and the entries its table has."""
_SHORT_TEXT_BYTES = 385
"""Most that a text of the tables takes in memory.  They keep texts of up to 64 bytes of UTF-8; the
largest is one character of four bytes among 60 of ASCII: a header of 72 bytes, 62 times 4 with
the zero at the end, and 65 of its UTF-8, which is made when two are compared."""


@dataclass(frozen=True, slots=True)
class TextTables:
    """What keeps short texts in a program, up to a bound, where no walk sees them."""

    owners: tuple[str, ...] = ()
    entry_count: int = 0
    """Texts that there is room for."""
    text_bytes: int = 0
    """Size of the largest text they take; 0 without a table."""


def text_tables(graph: HeapGraph) -> TextTables:
    """The tables of texts that the modules of a program keep.  O(modules) once."""
    found = [table for module, table in _TEXT_TABLES.items() if module in graph.modules]
    if not found:
        return TextTables()
    owners = tuple(owner for owner, _ in found)
    return TextTables(owners, sum(entries for _, entries in found), _SHORT_TEXT_BYTES)


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
