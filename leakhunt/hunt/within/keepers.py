"""Who keeps one object of this process alive?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from types import FrameType
from typing import TYPE_CHECKING

from leakhunt.hunt.within.newborn import collect_all
from leakhunt.hunt.within.snapshots import Snapshots
from leakhunt.report.paths_model import PathsReport

if TYPE_CHECKING:
    from leakhunt.analysis.merged_paths import MergedPath
    from leakhunt.graph.heap_graph import HeapGraph

_THIS = "this process"
_SHOWN = 8


def who_keeps(address: int, type_name: str, apart_from: Sequence[FrameType]) -> PathsReport | None:
    """The retaining paths of the object at ``address``, without the variables of some running
    functions; None when nothing keeps it, or it is gone.

    One snapshot and its analysis: some tenths of a second, a few microseconds an object.
    The caller must hold the object in those functions only.  Raises TargetError.
    """
    labels = tuple(_label(frame) for frame in apart_from)
    with Snapshots() as taken:
        collect_all()
        taken.capture("final")
        return _find(taken, address, type_name, labels)


def _label(frame: FrameType) -> str:
    """How a root of a running function ends (its thread comes first)."""
    name, file = frame.f_code.co_qualname, PurePath(frame.f_code.co_filename).name
    return f"{name}() at {file}:{frame.f_lineno}"


def _find(
    taken: Snapshots, address: int, type_name: str, labels: Sequence[str]
) -> PathsReport | None:
    import numpy as np

    from leakhunt.agent.graph_kinds import RootKind
    from leakhunt.analysis.retainers import find_retainers
    from leakhunt.graph.heap_graph import HeapGraph
    from leakhunt.hunt.assemble import open_all

    whole = HeapGraph(open_all(taken.path_by_label)["final"])
    c = whole.columns
    heap = c.node_address[: c.heap_count]
    nodes = np.flatnonzero(heap == np.uint64(address)).astype(np.int64)
    if not len(nodes) or whole.type_name(int(nodes[0])) != type_name:
        return None
    frames = [
        c.heap_count + i
        for i, kind in enumerate(c.root_kind)
        if kind == RootKind.FRAME and c.string(int(c.root_label[i])).endswith(tuple(labels))
    ]
    edges, _ = whole.expand(np.array(frames, np.int64))
    edges = edges[c.edge_target[edges] == nodes[0]]
    graph = whole.without(edges) if len(edges) else whole
    places = tuple(_places(graph, int(nodes[0])))
    if not places:
        return None
    found = find_retainers(graph, nodes, with_independent=False)
    return PathsReport(
        snapshot=_THIS,
        to=f"@{address:#x}",
        avoid=(),
        types=(type_name,),
        retainers=replace(found, merged=places[:_SHOWN], unnamed=len(places[_SHOWN:])),
        reachable_before=found.reachable,
        has_independent=False,
    )


def _places(graph: HeapGraph, node: int) -> Iterator[MergedPath]:
    """A path by way of each reference to the object that would keep it, honest ones first."""
    import numpy as np

    from leakhunt.analysis.merged_paths import MergedPath
    from leakhunt.analysis.paths import PathNamer
    from leakhunt.graph.roots import noise_reason

    namer, size = PathNamer(graph), int(graph.columns.node_size[node])
    edges_by_source = {
        int(source): graph.edges_between(int(source), node)
        for source in dict.fromkeys(graph.referrers(node).tolist())
    }
    if not edges_by_source:
        return
    # A loop of its own, or what hangs from the object itself, keeps nothing.
    outside = graph.without(np.concatenate(list(edges_by_source.values()))).reachable
    found = []
    for source, edges in edges_by_source.items():
        if not outside[source]:
            continue
        path = namer.path_through(source, [(int(edges[0]), node)])
        found.append(MergedPath(path, 1, size, noise_reason(graph, source)))
    yield from sorted(found, key=lambda one: (one.noise is not None, str(one.path)))
