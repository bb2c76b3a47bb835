"""At the end of a run: what is still there of the objects that tests left behind, held by whom."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from leakhunt.pytest_plugin.kinds import name_of
from leakhunt.pytest_plugin.survivors import without_known
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
    """One snapshot for all tests, if anything is there at all.  An object counts when one of its
    type is at its address still, and something else than the test run and known caches keeps it.

    The heap must be thawed and collected.  Raises TargetError.  Tests of which nothing is left are
    not in the answer.
    """
    there = _still_allocated(traces)
    if not there:
        return {}
    from leakhunt.hunt.within.snapshots import Snapshots

    with Snapshots() as taken:
        taken.capture("final")
        # Imported one by one: a small suite waits for these longer than for the analysis.
        from leakhunt.graph.heap_graph import HeapGraph
        from leakhunt.store.stream import read_stream

        graph = HeapGraph(read_stream(taken.path_by_label["final"]))
    from leakhunt.analysis.merged_paths import path_codes

    codes = path_codes(graph)
    found = {test: _left(graph, codes, trace) for test, trace in there.items()}
    return {test: left for test, left in found.items() if left}


def _still_allocated(traces: Traces) -> Traces:
    """The traces of which an object of the type is at the address, in no cache that is known.
    An address that several tests name is the last one's: what was there before is gone.
    O(tracked objects)."""
    last = {address: test for test, trace in traces.items() for address, _ in trace}
    found = without_known([one for one in gc.get_objects() if id(one) in last])
    names = {id(one): name_of(type(one)) for one in found}
    left = {
        test: [
            (address, name)
            for address, name in trace
            if last[address] == test and names.get(address) == name
        ]
        for test, trace in traces.items()
    }
    return {test: trace for test, trace in left.items() if trace}


def _left(
    graph: HeapGraph, codes: npt.NDArray[np.uint64], trace: Sequence[tuple[int, str]]
) -> tuple[Left, ...]:
    import numpy as np

    from leakhunt.analysis.merged_paths import merged_paths
    from leakhunt.detectors.testrun import reason_of_path

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
    nodes = _of_its_own(graph, nodes[graph.reachable[nodes]])
    tops = _tops(graph, nodes)
    rows = []
    for merged in merged_paths(graph, tops, codes)[0]:
        steps = [(text, kind) for text, _, kind in merged.path.described()]
        leaked = steps[-1][1] if steps else ""
        path = str(merged.path)
        is_held = not path.startswith(_NOBODY)
        if is_held and merged.noise is None and not reason_of_path(path, steps, leaked):
            rows.append(Left(leaked, merged.objects, merged.bytes, path))
    return tuple(rows[:_PATHS])


def _of_its_own(graph: HeapGraph, nodes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Without the dicts of attributes of older objects: there is one an object, made when it is
    asked for (``vars``, a thread's first use of a local).  What is in it counts."""
    import numpy as np

    from leakhunt.store.columns import NO_NODE

    parents, edges, own = graph.tree.parent, graph.tree.parent_edge, set(nodes.tolist())
    is_dict = [
        parents[node] != NO_NODE
        and int(parents[node]) not in own
        and graph.type_name(node) == "builtins.dict"
        and graph.edge_text_is(int(edges[node]), "__dict__")
        for node in nodes.tolist()
    ]
    return nodes[~np.array(is_dict, np.bool_)]


def _tops(graph: HeapGraph, nodes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Those that do not hang from another of them: the rest comes and goes with these."""
    import numpy as np

    mask = np.zeros(graph.node_count, np.bool_)
    mask[nodes] = True
    parent = graph.tree.parent[nodes]
    inside = (parent < graph.node_count) & mask[np.minimum(parent, graph.node_count - 1)]
    result: npt.NDArray[np.int64] = nodes[~inside]
    return result
