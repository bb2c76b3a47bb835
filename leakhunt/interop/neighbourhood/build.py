"""A neighbourhood as a networkx graph: the form in which it is analysed and written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.paths import PathNamer, edge_words
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.interop.neighbourhood.collect import Bounds, Collected, Collector
from leakhunt.interop.neighbourhood.kinds import Kinds, NodeKind
from leakhunt.report.escape import escape

if TYPE_CHECKING:
    Neighbourhood = nx.MultiDiGraph[int]

_TEXT_LIMIT = 60
_PARALLEL = 4
"""Edges shown between two nodes; a list may hold one object a million times."""


def neighbourhood(
    graph: HeapGraph, centres: Iterable[int], bounds: Bounds, around: str
) -> Neighbourhood:
    """What is around some nodes, and the path from a root to the first of them.

    Nodes are node ids. Attributes of a node: ``label``, ``type``, ``kind``, ``address``,
    ``shallow_bytes``, ``retained_bytes``, ``hops``, ``is_centre``, ``is_garbage``, ``in_cycle``,
    ``more_referrers``, ``more_referents``; of an edge: ``name``, ``kind``, ``is_weak``,
    ``is_path``, ``in_cycle``; of the graph: ``around``, ``path``, ``snapshot``, ``depth``,
    ``is_path_cut``. All text is escaped: one line, visible, safe to print. ``around`` is how
    the centres were asked for.

    O(degrees of the nodes), about 1.6 KB a node.
    """
    kinds = Kinds(graph)
    found = Collector(graph, kinds, bounds).collect(centres)
    namer = PathNamer(graph)
    drawing: Neighbourhood = nx.MultiDiGraph(
        around=escape(around),
        path=escape(str(namer.path(found.centres[0]))) if found.path else "",
        snapshot=escape(str(graph.columns.header.get("label") or "snapshot")),
        depth=bounds.depth,
        is_path_cut=found.is_path_cut,
    )
    for node in found.hops_by_node:
        drawing.add_node(node, **_attributes(graph, kinds, found, node))
    _add_edges(drawing, graph, found)
    _mark_cycles(drawing)
    return drawing


def _attributes(graph: HeapGraph, kinds: Kinds, found: Collected, node: int) -> dict[str, Any]:
    c = graph.columns
    return {
        "label": escape(kinds.label(node), limit=_TEXT_LIMIT),
        "type": escape(graph.type_name(node), limit=_TEXT_LIMIT),
        "kind": str(kinds.of(node)),
        "address": "" if graph.is_root(node) else f"{int(c.node_address[node]):#x}",
        "shallow_bytes": int(c.node_size[node]),
        "retained_bytes": int(graph.retained_bytes[node]),
        "hops": found.hops_by_node[node],
        "is_centre": node in found.centres,
        "is_garbage": not bool(graph.reachable[node]),
        "in_cycle": False,
        "more_referrers": found.more_referrers.get(node, 0),
        "more_referents": found.more_referents.get(node, 0),
    }


def _add_edges(drawing: Neighbourhood, graph: HeapGraph, found: Collected) -> None:
    """All edges between the nodes but those to classes, which say nothing new."""
    c = graph.columns
    nodes = np.array(sorted(found.hops_by_node), np.int64)
    edges, owner = graph.expand(nodes)
    inside = np.isin(c.edge_target[edges], nodes) & (c.edge_kind[edges] != EdgeKind.TYPE)
    edges, sources = edges[inside], nodes[owner[inside]]
    on_path = set(zip(found.path[:-1], found.path[1:], strict=True))
    for edge, source in _few_of_each_pair(graph, edges, sources):
        target = graph.target(edge)
        is_weak = graph.kind(edge) == EdgeKind.WEAK
        text, kind, _ = edge_words(graph, source, edge)
        drawing.add_edge(
            source,
            target,
            name=escape(text, limit=_TEXT_LIMIT),
            kind=kind,
            is_weak=is_weak,
            is_path=not is_weak and (source, target) in on_path,
            in_cycle=False,
        )


def _few_of_each_pair(
    graph: HeapGraph, edges: np.ndarray[Any, Any], sources: np.ndarray[Any, Any]
) -> Iterable[tuple[int, int]]:
    """Edge and source, the first few between each two nodes."""
    if not len(edges):
        return []
    pair = (sources.astype(np.uint64) << np.uint64(32)) | graph.columns.edge_target[edges]
    order = np.argsort(pair, kind="stable")
    ordered = pair[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered, "left")
    chosen = np.sort(order[rank < _PARALLEL])
    return zip(edges[chosen].tolist(), sources[chosen].tolist(), strict=True)


def _mark_cycles(drawing: Neighbourhood) -> None:
    """Mark the reference cycles that lie inside the neighbourhood: strong edges only, and not
    through a module, whose globals every one of its functions refers to."""
    strong: nx.DiGraph[int] = nx.DiGraph()
    for source, target, facts in drawing.edges(data=True):
        kinds = {drawing.nodes[node]["kind"] for node in (source, target)}
        if not facts["is_weak"] and NodeKind.MODULE not in kinds:
            strong.add_edge(source, target)
    component: dict[int, int] = {}
    for number, members in enumerate(nx.strongly_connected_components(strong)):
        is_cycle = len(members) > 1 or any(strong.has_edge(node, node) for node in members)
        if is_cycle:
            component.update(dict.fromkeys(members, number))
    for node in component:
        drawing.nodes[node]["in_cycle"] = True
    for source, target, attributes in drawing.edges(data=True):
        same = component.get(source, -1) == component.get(target, -2)
        attributes["in_cycle"] = same and not attributes["is_weak"]
