"""The retaining paths of a population, merged where they differ in indexes and keys only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.paths import SPECIMENS, Path, PathNamer, common_path
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.roots import noise_reason
from leakhunt.store.columns import NO_NODE, U32, U64

Ints = npt.NDArray[np.int64]

_NAMED_GROUPS = 500
"""Groups of paths that are written out, largest first."""
_NAMED_STEPS = 200_000
"""Steps of all paths written out; a long chain must not take all day."""
_LITERAL = (EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL)


@dataclass(frozen=True, slots=True)
class MergedPath:
    """Retaining paths that differ in indexes and keys only."""

    path: Path
    objects: int
    """Members of the population that hang there."""
    bytes: int
    """Their shallow bytes."""
    noise: str | None
    """Why it is ranked lower, when it is."""


def merged_paths(
    graph: HeapGraph, nodes: Ints, codes: U64 | None = None
) -> tuple[tuple[MergedPath, ...], int]:
    """Shortest retaining paths of reachable nodes, merged where only indexes and keys differ;
    and how many nodes are in none, because there were too many kinds of path.

    O(depth) for a few members of each group, and O(nodes of the graph) unless the ``codes`` of
    :func:`path_codes` are given: who asks for several populations of one graph has them.
    """
    if not len(nodes):
        return (), 0
    codes = path_codes(graph) if codes is None else codes
    _, group, count = np.unique(codes[nodes], return_inverse=True, return_counts=True)
    by_group = np.argsort(group, kind="stable")
    start = np.concatenate([[0], np.cumsum(count)])
    found: dict[str, MergedPath] = {}
    namer, steps, named = PathNamer(graph), 0, 0
    for g in np.argsort(-count, kind="stable")[:_NAMED_GROUPS].tolist():
        members = nodes[by_group[start[g] : start[g + 1]]]
        steps += int(graph.tree.distance[members[0]]) * min(len(members), SPECIMENS)
        if steps > _NAMED_STEPS and found:
            break
        path = common_path(namer, members[:: max(1, len(members) // SPECIMENS)].tolist())
        size = int(graph.columns.node_size[members].sum())
        noise = noise_reason(graph, int(members[0]))
        one = MergedPath(path, len(members), size, noise)
        before = found.get(str(path))
        found[str(path)] = one if before is None else _sum(before, one)
        named += len(members)
    order = sorted(found.values(), key=lambda m: (m.noise is not None, -m.objects, str(m.path)))
    return tuple(order), len(nodes) - named


def _sum(a: MergedPath, b: MergedPath) -> MergedPath:
    return replace(a, objects=a.objects + b.objects, bytes=a.bytes + b.bytes)


def path_codes(graph: HeapGraph) -> U64:
    """(node_count,) the same number for nodes whose paths in the tree differ in indexes and
    keys only, and in how often one step is repeated.  O(nodes + edges)."""
    c, tree = graph.columns, graph.tree
    has_parent = tree.parent != NO_NODE
    edge = np.where(has_parent, tree.parent_edge, 0).astype(np.int64)
    kinds = c.edge_kind[edge] if c.edge_count else np.zeros(graph.node_count, np.uint8)
    names = c.edge_name[edge] if c.edge_count else np.zeros(graph.node_count, np.uint32)
    above = np.where(has_parent, tree.parent, 0)
    is_name = np.isin(kinds, _LITERAL)
    is_name |= (kinds == EdgeKind.VALUE) & (graph.is_namespace[above] | _is_table(graph, above))
    label = (kinds.astype(np.uint64) << np.uint64(32)) | np.where(is_name, names, 0)
    label = (label << np.uint64(20)) ^ c.node_type.astype(np.uint64)
    label[~has_parent] = np.flatnonzero(~has_parent).astype(np.uint64) << np.uint64(1)
    repeats = has_parent & (label == label[above]) & (c.node_type == c.node_type[above])
    repeats &= has_parent[above]
    parent = _without_repeats(graph, repeats)
    code = np.zeros(graph.node_count, np.uint64)
    _kernels.fold_down(tree.order, parent, np.ascontiguousarray(label), code)
    return code


def _is_table(graph: HeapGraph, nodes: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Is it ``sys.modules``, whose keys are names?"""
    table = graph.plan.sys_modules
    found: npt.NDArray[np.bool_] = nodes == (NO_NODE if table is None else table)
    return found


def _without_repeats(graph: HeapGraph, repeats: npt.NDArray[np.bool_]) -> U32:
    """The tree in which all nodes of a run of one step hang from the run's beginning."""
    tree = graph.tree
    top = np.zeros(graph.node_count, np.uint32)
    _kernels.climb(tree.order, tree.parent, repeats.view(np.uint8), top)
    parent = tree.parent.copy()
    in_run = np.flatnonzero(repeats)
    parent[in_run] = tree.parent[top[in_run]]
    below = (tree.parent != NO_NODE) & ~repeats
    hangs = below & repeats[np.where(below, tree.parent, 0)]
    parent[hangs] = top[tree.parent[hangs]]
    return parent
