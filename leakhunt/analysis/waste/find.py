"""The one call above the analyses of waste."""

from __future__ import annotations

from leakhunt.analysis.waste.containers import find_containers
from leakhunt.analysis.waste.duplicates import find_duplicates, has_content
from leakhunt.analysis.waste.namespaces import find_instance_dicts
from leakhunt.analysis.waste.places import Places
from leakhunt.analysis.waste.results import Waste
from leakhunt.graph.heap_graph import HeapGraph

TOP = 20
"""Values and places told one by one."""


def find_waste(graph: HeapGraph, top: int | None = TOP) -> Waste:
    """What of a heap is wasted.  ``top``: values and places told one by one; None for all.

    O((nodes + edges) log edges), and O(depth) for each place that is told.
    """
    places = Places(graph)
    reached = graph.columns.node_size[graph.reachable]
    return Waste(
        heap_bytes=int(reached.sum()),
        duplicates=find_duplicates(graph, places, top) if has_content(graph) else None,
        containers=find_containers(graph, places, top),
        instance_dicts=find_instance_dicts(graph),
    )
