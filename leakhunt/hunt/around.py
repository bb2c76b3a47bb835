"""Export what is around an object: a drawing for people, a graph for graph viewers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from leakhunt.errors import UsageError
from leakhunt.hunt.case import investigate_case, open_case
from leakhunt.hunt.heaps import open_heap
from leakhunt.hunt.inputs import refuse_pipe
from leakhunt.hunt.output_file import real_target
from leakhunt.hunt.whatif import find_finding
from leakhunt.target.progress import OnProgress, Progress, ignore_progress

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from leakhunt.graph.heap_graph import HeapGraph

_FINDING = "finding"
_MOST_CENTRES = 3
"""Of many objects that are asked for, so many are drawn: those that retain most."""
_MOST_NODES = 20_000
"""A graph of networkx takes about 1.6 KB a node, and nobody reads more."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A neighbourhood as the bytes of a file."""

    COUNTS: ClassVar = ("node_count", "edge_count", "centre_count", "asked_count")

    data: bytes
    file_format: str
    node_count: int
    edge_count: int
    centre_count: int
    asked_count: int
    """Objects that ``around`` names."""

    def save(self, path: Path) -> None:
        """Write it, mode 0600; whole or not at all.  Raises UsageError or SnapshotError."""
        from leakhunt.store.files import replacing

        with replacing(real_target(path)) as file:
            file.write(self.data)


def export_around(
    source: Path,
    around: str,
    *,
    file_format: str = "dot",
    depth: int = 2,
    limit: int = 100,
    on_progress: OnProgress | None = None,
) -> Drawn:
    """What is around the objects that ``around`` names, as ``dot``, ``graphml`` or ``json``.

    ``source`` is a snapshot, or what ``hunt --save`` kept: then its final snapshot. ``around`` is
    a path (docs/paths.md), a type (its instances), ``@ADDRESS``, or ``finding:N`` for a finding
    of the hunt by rank or fingerprint.

    Raises:
        UsageError: nothing is called so; a limit beyond what networkx can hold.
        SnapshotError: the snapshot cannot be read.
    """
    tell = on_progress or ignore_progress
    if not 1 <= limit <= _MOST_NODES:
        raise UsageError(
            f"a limit of {limit:,} nodes", hint=f"give 1 to {_MOST_NODES:,}: more cannot be read"
        )
    refuse_pipe(source)
    is_case = source.is_dir() or source.suffix == ".json"
    if around.partition(":")[0] == _FINDING:
        graph, nodes = _of_finding(source, around, is_case=is_case)
    else:
        path = open_case(source).final if is_case else source
        graph = open_heap(path, on_progress=tell).graph
        nodes = _named(graph, around)
    tell(Progress("drawing"))
    return _drawn(graph, nodes, around, file_format, (depth, limit))


def _drawn(
    graph: HeapGraph,
    nodes: npt.NDArray[np.int64],
    around: str,
    file_format: str,
    bounds: tuple[int, int],
) -> Drawn:
    from leakhunt.interop.neighbourhood.build import neighbourhood
    from leakhunt.interop.neighbourhood.collect import Bounds
    from leakhunt.interop.neighbourhood.formats import to_bytes

    depth, limit = bounds
    centres = _heaviest(graph, nodes)
    fan = max(limit // 8, 4)
    drawing = neighbourhood(graph, centres, Bounds(depth, limit, fan), around)
    return Drawn(
        data=to_bytes(drawing, file_format),
        file_format=file_format,
        node_count=drawing.number_of_nodes(),
        edge_count=drawing.number_of_edges(),
        centre_count=len(centres),
        asked_count=len(nodes),
    )


def _heaviest(graph: HeapGraph, nodes: npt.NDArray[np.int64]) -> Sequence[int]:
    import numpy as np

    weight = graph.retained_bytes[nodes].astype(np.int64)
    order = np.argsort(-weight, kind="stable")[:_MOST_CENTRES]
    return [int(node) for node in nodes[order]]


def _named(graph: HeapGraph, around: str) -> npt.NDArray[np.int64]:
    """Instances of a type of this name, else what the path leads to."""
    import numpy as np

    from leakhunt.analysis.resolve import Resolver

    c = graph.columns
    types = [i for i in range(c.type_count) if graph.name_of_type(i) == around]
    instances = np.flatnonzero(np.isin(c.node_type[: c.heap_count], types)).astype(np.int64)
    return instances if len(instances) else Resolver(graph).resolve(around).nodes


def _of_finding(
    source: Path, around: str, *, is_case: bool
) -> tuple[HeapGraph, npt.NDArray[np.int64]]:
    """Some of the leaked objects of a finding; its holder when it has none of its own."""
    import numpy as np

    from leakhunt.analysis.resolve import Resolver
    from leakhunt.graph.heap_graph import HeapGraph

    if not is_case:
        raise UsageError(
            f"{source} is one snapshot: it has no findings",
            hint="give the directory that leakhunt hunt --save filled",
        )
    investigation, columns = investigate_case(open_case(source))
    finding = find_finding(investigation, around.partition(":")[2] or "1")
    graph = HeapGraph(columns)
    if finding.node_ids:
        return graph, np.array(finding.node_ids, np.int64)
    return graph, Resolver(graph).resolve(finding.holder.path).nodes
