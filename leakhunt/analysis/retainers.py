"""Who keeps a population: its merged retaining paths, and the independent ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.merged_paths import MergedPath, merged_paths
from leakhunt.analysis.mincut import MinimumCut, Severed, minimum_cut
from leakhunt.analysis.nearest import instances, types_named
from leakhunt.analysis.paths import Path, PathNamer, opened, star
from leakhunt.analysis.resolve import Resolver
from leakhunt.errors import UsageError
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.roots import noise_reason

Ints = npt.NDArray[np.int64]


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
    return path._replace(steps=tuple(steps))


def _best(graph: HeapGraph, edges: Ints) -> int:
    """Of parallel references the one that is best to write: a value rather than a key."""
    kinds = graph.columns.edge_kind[edges]
    strong = edges[(kinds != EdgeKind.WEAK) & (kinds != EdgeKind.KEY)]
    return int(strong[0] if len(strong) else edges[0])
