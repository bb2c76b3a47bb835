"""Who keeps a population: its retaining paths, merged and counted, and the independent ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import EdgeKind
from leakhunt.analysis.mincut import MinimumCut, Severed, minimum_cut
from leakhunt.analysis.nearest import instances, types_named
from leakhunt.analysis.paths import Path, PathNamer, opened, star
from leakhunt.analysis.resolve import Resolver
from leakhunt.errors import UsageError
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.roots import noise_reason
from leakhunt.store.columns import NO_NODE, U32, U64

Ints = npt.NDArray[np.int64]

_NAMED_GROUPS = 500
"""Groups of paths that are written out, largest first."""
_NAMED_STEPS = 200_000
"""Steps of all paths written out; a long chain must not take all day."""
_SPECIMENS = 20
"""Members of a group whose paths are compared: where they differ stands ``[*]``."""
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


@dataclass(frozen=True, slots=True)
class IndependentPath:
    """One of the most retaining paths that share no reference that could be cut."""

    place: str
    """The reference to let go of."""
    path: Path
    """A whole path through it."""
    references: int
    objects: int
    """Members it leads to."""
    noise: str | None


@dataclass(frozen=True, slots=True)
class Retainers:
    """Who keeps a population."""

    objects: int
    bytes: int
    reachable: int
    """Members that anything keeps."""
    merged: tuple[MergedPath, ...]
    """Shortest paths: honest ones first, most objects first."""
    unnamed: int
    """Members whose paths were too many or too long to write."""
    independent: tuple[IndependentPath, ...]
    why_not: str | None
    """Why the independent paths are not known."""
    native_objects: int
    """Members with more references counted than found."""
    native_references: int


def target_nodes(graph: HeapGraph, resolver: Resolver, text: str) -> Ints:
    """The objects that a type's name, a path or ``@ADDRESS`` stands for.

    A type's full name means its instances; what is no type and no path may be the last part of
    a type's name.  Raises UsageError with the nearest names.
    """
    try:
        return instances(graph, types_named(graph, text))
    except UsageError as error:
        by_type = error
    try:
        return resolver.resolve(text).nodes
    except UsageError as error:
        looks_like_path = any(sign in text for sign in ".[@<,{(")
        raise (error if looks_like_path else by_type) from None


def edges_of_avoided(graph: HeapGraph, resolver: Resolver, text: str) -> Ints:
    """Every reference held by what is to be ignored: a module with its submodules, the
    instances of a type, or what a path leads to.  O(their edges).

    Raises UsageError with the nearest names.
    """
    modules = graph.plan.modules
    inside = [pair for name, pair in modules.items() if f"{name}.".startswith(f"{text}.")]
    of_modules = np.unique(np.array(inside, np.int64))
    nodes = of_modules if inside else target_nodes(graph, resolver, text)
    edges, _ = graph.expand(nodes)
    return edges


def find_retainers(
    graph: HeapGraph, population: Ints, *, with_independent: bool = True
) -> Retainers:
    """Who keeps a population.  O(nodes + edges), and the search for a minimum cut."""
    alive = population[graph.reachable[population]]
    merged, unnamed = merged_paths(graph, alive)
    cut = MinimumCut(())
    if with_independent and len(alive):
        cut = minimum_cut(graph, alive)
    surplus = graph.surplus[population]
    return Retainers(
        objects=len(population),
        bytes=int(graph.columns.node_size[population].sum()),
        reachable=len(alive),
        merged=merged,
        unnamed=unnamed,
        independent=_independent(graph, cut.severed),
        why_not=cut.why_not,
        native_objects=int((surplus > 0).sum()),
        native_references=int(surplus[surplus > 0].sum()),
    )


# ---- shortest paths, merged ----


def merged_paths(graph: HeapGraph, nodes: Ints) -> tuple[tuple[MergedPath, ...], int]:
    """Shortest retaining paths of reachable nodes, merged where only indexes and keys differ;
    and how many nodes are in none, because there were too many kinds of path.

    O(nodes of the graph), and O(depth) for a few members of each group.
    """
    if not len(nodes):
        return (), 0
    codes = path_codes(graph)[nodes]
    _, group, count = np.unique(codes, return_inverse=True, return_counts=True)
    by_group = np.argsort(group, kind="stable")
    start = np.concatenate([[0], np.cumsum(count)])
    found: dict[str, MergedPath] = {}
    namer, steps, named = PathNamer(graph), 0, 0
    for g in np.argsort(-count, kind="stable")[:_NAMED_GROUPS].tolist():
        members = nodes[by_group[start[g] : start[g + 1]]]
        steps += int(graph.tree.distance[members[0]]) * min(len(members), _SPECIMENS)
        if steps > _NAMED_STEPS and found:
            break
        path = _common_path(namer, members)
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


def _common_path(namer: PathNamer, members: Ints) -> Path:
    """The path of the first member, ``[*]`` where those of others differ."""
    first = namer.path(int(members[0]))
    texts = [step.text for step in first.steps]
    differ = [False] * len(texts)
    for node in members[:: max(1, len(members) // _SPECIMENS)][1:_SPECIMENS].tolist():
        for i, step in enumerate(namer.path(node).steps[: len(texts)]):
            differ[i] |= step.text != texts[i]
    steps = [star(step) if differ[i] else step for i, step in enumerate(first.steps)]
    return replace(first, steps=tuple(steps))


# ---- independent paths ----


def _independent(graph: HeapGraph, parts: Iterable[Severed]) -> tuple[IndependentPath, ...]:
    namer, found = PathNamer(graph), []
    for part in parts:
        way = _way(graph, part)
        place = namer.path_through(part.source, way[:1])
        path = namer.path_through(part.source, way)
        references = int((graph.columns.edge_kind[part.edges] != EdgeKind.KEY).sum()) or 1
        if references > 1 and part.target is None:
            place = path = opened(place)
        elif part.reaches > 1:
            path = _open_below(path, len(place.steps))
        noise = noise_reason(graph, part.source)
        found.append(IndependentPath(str(place), path, references, part.reaches, noise))
    by_place: dict[str, IndependentPath] = {}
    for one in found:
        before = by_place.setdefault(one.place, one)
        if before is not one:
            by_place[one.place] = replace(
                before,
                references=before.references + one.references,
                objects=before.objects + one.objects,
            )
    return tuple(
        sorted(by_place.values(), key=lambda one: (one.noise is not None, -one.objects, one.place))
    )


def _way(graph: HeapGraph, part: Severed) -> list[tuple[int, int]]:
    """(edge, node) from the source of a cut down to a member of the population."""
    way = []
    for source, target in pairwise(part.way):
        way.append((_best(graph, graph.edges_between(source, target)), target))
    edge = _best(graph, part.into)
    return [*way, (edge, graph.target(edge))]


def _open_below(path: Path, kept: int) -> Path:
    """The path with every entry after its first steps left open."""
    steps = [star(s) if s.is_item and i >= kept else s for i, s in enumerate(path.steps)]
    return replace(path, steps=tuple(steps))


def _best(graph: HeapGraph, edges: Ints) -> int:
    """Of parallel references the one that is best to write: a value rather than a key."""
    kinds = graph.columns.edge_kind[edges]
    strong = edges[(kinds != EdgeKind.WEAK) & (kinds != EdgeKind.KEY)]
    return int(strong[0] if len(strong) else edges[0])
