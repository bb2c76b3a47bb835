"""Which objects the findings are about: underlined wherever they appear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leakhunt.detectors.base import Verdict
from leakhunt.errors import UsageError
from leakhunt.report.model import Report
from leakhunt.store.columns import NO_NODE
from leakhunt.tui.model.heap import HeapView

_MOST = 1000
"""Nodes of one holder path: an open path may lead to a million."""


@dataclass(frozen=True, slots=True)
class Suspects:
    """Holders and leaked objects, by node; the rank of their finding."""

    holders: Mapping[int, int] = field(default_factory=dict)
    leaked: Mapping[int, int] = field(default_factory=dict)

    def word(self, node: int) -> str:
        """What a node is suspected of; empty: of nothing."""
        if node in self.holders:
            return f"holder of finding {self.holders[node]}"
        if node in self.leaked:
            return f"leaked by finding {self.leaked[node]}"
        return ""

    def holder_above(self, heap: HeapView, node: int) -> int | None:
        """The nearest holder on the retaining path of a node.  O(depth)."""
        parent = heap.graph.tree.parent
        while node != NO_NODE:
            if node in self.holders:
                return node
            node = int(parent[node])
        return None


def suspects_of(report: Report, heap: HeapView) -> Suspects:
    """Resolve the paths of the findings' holders.  O(strings) vectorised for each name."""
    holders: dict[int, int] = {}
    leaked: dict[int, int] = {}
    for finding in report.findings:
        if finding.verdict is Verdict.NOT:
            continue
        for node in finding.node_ids:
            if 0 <= node < heap.graph.columns.heap_count:
                leaked.setdefault(node, finding.rank)
        for holder in (finding.holder, *finding.co_holders):
            for node in holder_nodes(heap, holder.path):
                holders.setdefault(node, finding.rank)
    return Suspects(holders, leaked)


def holder_nodes(heap: HeapView, path: str) -> list[int]:
    """The objects a holder's path leads to; none when it cannot be followed."""
    try:
        return [int(node) for node in heap.resolver.resolve(path).nodes[:_MOST]]
    except UsageError:
        return []
