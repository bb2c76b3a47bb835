"""Who keeps some objects of a snapshot?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leakhunt.hunt.case import open_case
from leakhunt.report.paths_model import PathsReport
from leakhunt.target.progress import OnProgress, Progress, ignore_progress


def find_paths(
    path: Path,
    to: str,
    avoid: Sequence[str] = (),
    *,
    with_independent: bool = False,
    on_progress: OnProgress | None = None,
) -> PathsReport:
    """The retaining paths of objects, merged and counted.

    ``path`` is a snapshot, or a directory that a hunt filled (its final snapshot is meant).
    ``to`` is a type, a path (docs/paths.md) or ``@ADDRESS``; ``avoid`` names retainers to
    ignore: modules, types, paths, addresses.  ``with_independent`` looks for the most paths
    that share no reference besides.  ``on_progress`` may raise to cancel.

    Raises UsageError: a name that is not there.  SnapshotError: a file that cannot be read.
    """
    import numpy as np

    from leakhunt.analysis.resolve import Resolver
    from leakhunt.analysis.retainers import edges_of_avoided, find_retainers, target_nodes
    from leakhunt.hunt.heaps import open_heap

    file = open_case(path).final if path.is_dir() else path
    tell = on_progress or ignore_progress
    whole = graph = open_heap(file, derive=False, on_progress=tell).graph
    tell(Progress("paths"))
    resolver = Resolver(whole)
    nodes = target_nodes(whole, resolver, to)
    if avoid:
        edges = [edges_of_avoided(whole, resolver, text) for text in avoid]
        graph = whole.without(np.unique(np.concatenate(edges)))
    types, count = np.unique(whole.columns.node_type[nodes], return_counts=True)
    names = [whole.name_of_type(int(t)) for t in types[np.argsort(-count, kind="stable")]]
    return PathsReport(
        snapshot=str(file),
        to=to,
        avoid=tuple(avoid),
        types=tuple(names),
        retainers=find_retainers(graph, nodes, with_independent=with_independent),
        reachable_before=int(whole.reachable[nodes].sum()),
        has_independent=with_independent,
    )
