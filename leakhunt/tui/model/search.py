"""Search everywhere: findings, types, named places, addresses; the best of each kind first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from leakhunt.errors import UsageError
from leakhunt.report import units
from leakhunt.tui.model.case import Case
from leakhunt.tui.model.heap import HeapView

_MOST: Final = 12
"""Hits of one kind."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found; texts raw."""

    kind: str
    """finding, note, type, module, path."""
    text: str
    about: str = ""
    fingerprint: str = ""
    type_name: str = ""
    node: int = -1


def search(case: Case, heap: HeapView | None, text: str) -> list[Hit]:
    """What contains a text, whatever the case.  O(types + modules + findings); a path or an
    address is followed too: O(strings) vectorised for each of its names."""
    wanted = text.strip().lower()
    if not wanted:
        return []
    found = [*_first(_findings(case, wanted)), *_first(_notes(case, heap, wanted))]
    if heap is not None:
        found += _path(heap, text.strip())
        found += _first(_types(heap, wanted))
        found += _first(_modules(heap, wanted))
    else:
        found += _first(_grown(case, wanted))
    return found


def _first(hits: Iterator[Hit]) -> list[Hit]:
    every = list(hits)
    return sorted(every, key=lambda hit: len(hit.text))[:_MOST]


def _findings(case: Case, wanted: str) -> Iterator[Hit]:
    for finding in () if case.report is None else case.report.findings:
        text = f"{finding.rank} {finding.title} {finding.category} {finding.fingerprint}"
        if wanted in text.lower():
            yield Hit("finding", finding.holder.path, finding.title, finding.fingerprint)


def _notes(case: Case, heap: HeapView | None, wanted: str) -> Iterator[Hit]:
    book = case.notebook
    for key in {**book.marks, **book.notes}:
        name, note = book.marks.get(key, ""), book.notes.get(key, "")
        if wanted not in f"{key} {name} {note}".lower():
            continue
        node = heap.at_key(key) if heap is not None else None
        hit = Hit("note", name or key, note, node=-1 if node is None else node)
        if node is None and case.finding(key) is not None:
            hit = Hit("note", name or key, note, key)
        yield hit


def _grown(case: Case, wanted: str) -> Iterator[Hit]:
    for row in () if case.report is None else case.report.growth:
        if wanted in row.type.lower():
            yield Hit("type", row.type, units.plural(row.count_final, "object"), type_name=row.type)


def _types(heap: HeapView, wanted: str) -> Iterator[Hit]:
    for type_name, count in heap.count_by_type.items():
        if wanted in type_name.lower():
            yield Hit("type", type_name, units.plural(count, "object"), type_name=type_name)


def _modules(heap: HeapView, wanted: str) -> Iterator[Hit]:
    for module, (node, _) in heap.graph.plan.modules.items():
        if wanted in module.lower():
            yield Hit("module", module, node=node)


def _path(heap: HeapView, text: str) -> list[Hit]:
    """What a written path (docs/paths.md) or ``@ADDRESS`` leads to."""
    if not any(sign in text for sign in ".[@<"):
        return []
    try:
        nodes = heap.resolver.resolve(text).nodes
    except UsageError:
        return []
    return [Hit("path", heap.path(int(n)), heap.type_of(int(n)), node=int(n)) for n in nodes[:3]]
