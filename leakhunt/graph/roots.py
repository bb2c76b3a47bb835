"""Which roots come first, and which holders are known noise.

An object held by a module and by a running frame is named by the module: tiers are explored
one after the other.  Known noise comes after every honest root, so that a node is blamed on
a cache of the interpreter only when nothing else holds it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.graph.noise import (
    CACHE_WRAPPER,
    NOISE_ATTRIBUTES,
    NOISE_EVERYWHERE,
    NOISE_FIELDS,
    NOISE_OF_STATE,
    NOISE_PACKAGES,
    NOISE_ROOTS,
    Extent,
    extent_of,
)
from leakhunt.store.columns import I64, NO_NODE, U32

if TYPE_CHECKING:
    from leakhunt.graph.heap_graph import HeapGraph


class Tier(IntEnum):
    """Order in which roots claim objects."""

    MODULES = 0
    INTERPRETER = 1
    THREADS = 2
    NOISE = 3
    NATIVE = 4


_TIER_OF_KIND = {
    RootKind.MODULES: Tier.MODULES,
    RootKind.INTERPRETER: Tier.INTERPRETER,
    RootKind.STATIC_TYPE: Tier.INTERPRETER,
    RootKind.THREAD: Tier.THREADS,
    RootKind.FRAME: Tier.THREADS,
    RootKind.NATIVE: Tier.NATIVE,
}


@dataclass(frozen=True, slots=True)
class NoiseNote:
    """A node whose growth is expected of the interpreter or its helpers."""

    holder: int
    """Dict the node is named in."""
    edge: int
    reason: str
    extent: Extent = Extent.WARM_UP


@dataclass(frozen=True, slots=True)
class RootPlan:
    """Seeds in the order they are explored, and the known noise."""

    tiers: tuple[tuple[Tier, U32], ...]
    noise: dict[int, NoiseNote]
    """By node."""
    modules: dict[str, tuple[int, int]]
    """Module node and its namespace dict by name in sys.modules."""
    sys_modules: int | None
    """The dict ``sys.modules``."""
    noise_roots: dict[int, NoiseNote]
    """Roots that are noise as a whole; their notes have no holder (-1)."""


def plan_roots(graph: HeapGraph) -> RootPlan:
    """Sort the roots into tiers and find the noise.  O(names in all modules)."""
    heap = graph.columns.heap_count
    by_tier: dict[Tier, list[int]] = {tier: [] for tier in (0, 1, 2)}  # type: ignore[misc]
    sys_modules = None
    noise_roots: dict[int, NoiseNote] = {}
    for i, kind in enumerate(graph.columns.root_kind):
        label = graph.columns.string(int(graph.columns.root_label[i]))
        if label in NOISE_ROOTS:
            noise_roots[heap + i] = NoiseNote(-1, -1, *NOISE_ROOTS[label])
            continue
        tier = _TIER_OF_KIND.get(RootKind(int(kind)), Tier.INTERPRETER)
        if tier in by_tier:
            by_tier[tier].append(heap + i)
        if kind == RootKind.MODULES and sys_modules is None:
            sys_modules = _first_dict(graph, heap + i)
    modules = {} if sys_modules is None else _modules(graph, sys_modules)
    tiers = tuple((tier, np.array(seeds, np.uint32)) for tier, seeds in by_tier.items())
    noise = _find_noise(graph, modules)
    for root in by_tier[Tier.INTERPRETER]:
        _note_fields(graph, root, noise)
    return RootPlan(tiers, noise, modules, sys_modules, noise_roots)


def noise_reason(graph: HeapGraph, node: int) -> str | None:
    """Why what holds a node is ranked lower, None when it is not.  O(depth)."""
    note = noise_note(graph, node)
    if note is not None:
        return note.reason
    return "known noise" if int(graph.tree.tier[node]) == Tier.NOISE else None


def noise_note(graph: HeapGraph, node: int) -> NoiseNote | None:
    """The known noise that a node hangs from, None when it hangs from none.  O(depth)."""
    tree, notes = graph.tree, graph.plan.noise | graph.plan.noise_roots
    if int(tree.tier[node]) != Tier.NOISE:
        return None
    while node not in notes and int(tree.parent[node]) != NO_NODE:
        node = int(tree.parent[node])
    return notes.get(node)


def _first_dict(graph: HeapGraph, root: int) -> int | None:
    for edge in graph.edges(root):
        if graph.type_name(graph.target(edge)) == "builtins.dict":
            return graph.target(edge)
    return None


def _modules(graph: HeapGraph, sys_modules: int) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for edge in graph.edges(sys_modules):
        if graph.kind(edge) == EdgeKind.VALUE:
            name = graph.text(int(graph.columns.edge_name[edge]))
            namespace = graph.named_child(graph.target(edge), "__dict__")
            if name is not None and namespace is not None:
                found[name] = (graph.target(edge), namespace)
    return found


def _find_noise(graph: HeapGraph, modules: dict[str, tuple[int, int]]) -> dict[int, NoiseNote]:
    noise: dict[int, NoiseNote] = {}
    for (module, attribute), reason in NOISE_ATTRIBUTES.items():
        if module in modules:
            note = (reason, extent_of(module, attribute))
            _note_value(graph, modules[module][1], attribute, note, noise)
    namespaces = np.array([namespace for _, namespace in modules.values()], np.int64)
    edges, owner = graph.expand(namespaces)
    is_value = graph.columns.edge_kind[edges] == EdgeKind.VALUE
    edges, owner = edges[is_value], owner[is_value]
    for attribute, reason in NOISE_EVERYWHERE.items():
        hits = np.isin(graph.columns.edge_name[edges], graph.nodes_with_text(attribute))
        for edge, at in zip(edges[hits].tolist(), owner[hits].tolist(), strict=True):
            if _is_collection(graph, graph.target(edge)):
                note_of = NoiseNote(int(namespaces[at]), edge, reason, Extent.ENDLESS)
                noise.setdefault(graph.target(edge), note_of)
    packages = [module.partition(".")[0] for module in modules]
    _note_cached_functions(graph, packages, namespaces, (edges, owner), noise)
    for package, (node, namespace) in zip(packages, modules.values(), strict=True):
        if package in NOISE_PACKAGES:
            _note_module(graph, node, namespace, NOISE_PACKAGES[package], noise)
    for module, reason in NOISE_OF_STATE.items():
        if module in modules:
            _note_state(graph, modules[module], reason, noise)
    return noise


def _note_state(
    graph: HeapGraph, module: tuple[int, int], reason: str, noise: dict[int, NoiseNote]
) -> None:
    node, namespace = module
    for edge in graph.edges(node):
        target = graph.target(edge)
        if target != namespace and graph.type_name(target) == "builtins.dict":
            noise.setdefault(target, NoiseNote(node, edge, reason, Extent.SMALL))


def _note_value(
    graph: HeapGraph,
    namespace: int,
    attribute: str,
    note: tuple[str, Extent],
    noise: dict[int, NoiseNote],
) -> None:
    edge = graph.value_edge(namespace, attribute)
    if edge is not None and _is_collection(graph, graph.target(edge)):
        noise.setdefault(graph.target(edge), NoiseNote(namespace, edge, *note))


def _note_fields(graph: HeapGraph, root: int, noise: dict[int, NoiseNote]) -> None:
    for edge in graph.named_edges(root):
        reason = NOISE_FIELDS.get(graph.edge_text(edge) or "")
        if reason is not None:
            noise.setdefault(graph.target(edge), NoiseNote(root, edge, reason))


def _is_collection(graph: HeapGraph, node: int) -> bool:
    """A shared singleton (None, an empty tuple) must not be taken for a cache."""
    name = graph.type_name(node)
    return name not in ("builtins.NoneType", "builtins.tuple", "builtins.str", "builtins.int")


def _note_cached_functions(
    graph: HeapGraph,
    packages: list[str],
    namespaces: I64,
    values: tuple[I64, I64],
    noise: dict[int, NoiseNote],
) -> None:
    """``values``: edges to what the namespaces name, and which namespace each is of."""
    c, (edges, owner) = graph.columns, values
    names = (graph.name_of_type(i) for i in range(c.type_count))
    wrappers = [i for i, name in enumerate(names) if name == CACHE_WRAPPER]
    is_standard = np.array([package in sys.stdlib_module_names for package in packages], np.bool_)
    hits = np.isin(c.node_type[c.edge_target[edges]], wrappers)
    hits[hits] = is_standard[owner[hits]]
    for edge, at in zip(edges[hits].tolist(), owner[hits].tolist(), strict=True):
        note = NoiseNote(int(namespaces[at]), edge, "function cache of the standard library")
        noise.setdefault(graph.target(edge), note)


def _note_module(
    graph: HeapGraph, node: int, namespace: int, reason: str, noise: dict[int, NoiseNote]
) -> None:
    for edge in graph.edges(node):
        if graph.target(edge) == namespace:
            noise.setdefault(namespace, NoiseNote(node, edge, reason))
            return
