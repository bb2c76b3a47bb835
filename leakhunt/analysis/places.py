"""Places: an object, or what a label leads to, found again in every snapshot of a hunt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.comparison import Comparison, Stage
from leakhunt.graph.heap_graph import HeapGraph

_SCANNED_KEYS = 2000
"""Keys of a mapping compared by text when the key object itself is not found."""


@dataclass(frozen=True, slots=True)
class Series:
    """One measure over the snapshots; None where the snapshot or the thing is missing."""

    unit: str
    """``entries``, ``objects`` or ``bytes``."""
    baseline: int | None
    window: int | None
    loaded: int | None
    final: int | None

    @property
    def growth(self) -> int:
        """final - baseline."""
        return (self.final or 0) - (self.baseline or 0)


@dataclass(frozen=True, slots=True)
class Place:
    """``labels`` followed from an anchor of final; the labels are edges of final."""

    anchor: int
    labels: tuple[int, ...]
    node: int
    """Where it leads in final."""


def locate(comparison: Comparison, stage: Stage, place: Place) -> int | None:
    """The node a place leads to in one snapshot.  O(degree) a label."""
    node = int(stage.of_final[place.anchor])
    for edge in place.labels:
        if node < 0:
            return None
        found = follow(comparison, stage, node, edge)
        if found is None:
            return None
        node = found
    return node if node >= 0 else None


def follow(comparison: Comparison, stage: Stage, source: int, edge: int) -> int | None:
    """Where a snapshot's node leads under the label of an edge of final.  O(degree)."""
    final, graph = comparison.final, stage.graph
    kind, name = final.kind(edge), int(final.columns.edge_name[edge])
    if kind in (EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL):
        text = final.edge_text(edge)
        return None if text is None else graph.named_child(source, text)
    if kind == EdgeKind.VALUE:
        return _follow_key(final, stage, source, name)
    if kind == EdgeKind.INDEX:
        return _match(graph, source, kind, name)
    return None


def _follow_key(final: HeapGraph, stage: Stage, source: int, key: int) -> int | None:
    there = int(stage.of_final[key])
    if there >= 0:
        return _match(stage.graph, source, EdgeKind.VALUE, there)
    text = final.text(key)
    if text is None or len(stage.graph.edges(source)) > _SCANNED_KEYS:
        return None
    edge = stage.graph.value_edge(source, text)
    return None if edge is None else stage.graph.target(edge)


def _match(graph: HeapGraph, source: int, kind: int, name: int) -> int | None:
    span = graph.edges(source)
    part = slice(span.start, span.stop)
    hits = (
        (graph.columns.edge_kind[part] == kind) & (graph.columns.edge_name[part] == name)
    ).nonzero()[0]
    return graph.target(span.start + int(hits[0])) if len(hits) else None


def entries_series(comparison: Comparison, place: Place) -> Series:
    """Entries of a place in each snapshot.  O(degree) each."""
    return Series("entries", *_measure(comparison, place, HeapGraph.entries))


def objects_series(comparison: Comparison, place: Place) -> Series:
    """Objects in the tree below a place in each snapshot.  Builds each snapshot's tree."""

    def below(graph: HeapGraph, node: int) -> int:
        return int(graph.subtree_count[node])

    return Series("objects", *_measure(comparison, place, below))


def bytes_series(comparison: Comparison, place: Place) -> Series:
    """Shallow size of a place in each snapshot."""

    def size(graph: HeapGraph, node: int) -> int:
        return int(graph.columns.node_size[node])

    return Series("bytes", *_measure(comparison, place, size))


def _measure(
    comparison: Comparison, place: Place, measure: Callable[[HeapGraph, int], int | None]
) -> list[int | None]:
    values: list[int | None] = []
    for name in ("baseline", "window", "loaded", "final"):
        stage = comparison.stage(name)
        node = None if stage is None else locate(comparison, stage, place)
        values.append(None if stage is None or node is None else measure(stage.graph, node))
    return values
