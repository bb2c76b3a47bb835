"""At the end of a run: what is still there of the objects that tests left behind, held by whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from leakhunt.detectors.testrun import reason_of_path
from leakhunt.hunt.within.snapshots import Snapshots
from leakhunt.report.suite_model import Left

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from leakhunt.graph.heap_graph import HeapGraph

Traces = Mapping[str, Sequence[tuple[int, str]]]
"""By test: address and type of each object."""

_PATHS = 5
_NOBODY = ("thread ", "<native")
"""At the end of a run only the runner itself is still running."""


def still_there(traces: Traces) -> dict[str, tuple[Left, ...]]:
    """One snapshot for all tests.  An object counts when one of its type is at its address
    still, and something else than the test run and known caches keeps it.

    Raises TargetError.  Tests of which nothing is left are not in the answer.
    """
    with Snapshots() as taken:
        taken.capture("final")
        from leakhunt.graph.heap_graph import HeapGraph
        from leakhunt.hunt.assemble import open_all

        graph = HeapGraph(open_all(taken.path_by_label)["final"])
        found = {test: _left(graph, trace) for test, trace in traces.items()}
    return {test: left for test, left in found.items() if left}


def _left(graph: HeapGraph, trace: Sequence[tuple[int, str]]) -> tuple[Left, ...]:
    import numpy as np

    from leakhunt.analysis.retainers import merged_paths

    c = graph.columns
    heap = c.node_address[: c.heap_count]
    addresses = np.array([address for address, _ in trace], np.uint64)
    at = np.minimum(np.searchsorted(heap, addresses), max(len(heap) - 1, 0))
    nodes = np.array(
        [
            int(node)
            for node, (address, name) in zip(at, trace, strict=True)
            if int(heap[node]) == address and graph.type_name(int(node)) == name
        ],
        np.int64,
    )
    tops = _tops(graph, nodes[graph.reachable[nodes]] if len(nodes) else nodes)
    rows = []
    for merged in merged_paths(graph, tops)[0]:
        steps = [(text, kind) for text, _, kind in merged.path.described()]
        leaked = steps[-1][1] if steps else ""
        path = str(merged.path)
        is_held = not path.startswith(_NOBODY)
        if is_held and merged.noise is None and not reason_of_path(path, steps, leaked):
            rows.append(Left(leaked, merged.objects, merged.bytes, path))
    return tuple(rows[:_PATHS])


def _tops(graph: HeapGraph, nodes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Those that do not hang from another of them: the rest comes and goes with these."""
    import numpy as np

    mask = np.zeros(graph.node_count, np.bool_)
    mask[nodes] = True
    parent = graph.tree.parent[nodes]
    inside = (parent < graph.node_count) & mask[np.minimum(parent, graph.node_count - 1)]
    result: npt.NDArray[np.int64] = nodes[~inside]
    return result
