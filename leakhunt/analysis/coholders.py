"""Other holders of the same leaked objects: each of them must let go as well."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.comparison import Comparison
from leakhunt.analysis.holder import CoHolder, Holder
from leakhunt.analysis.paths import PathNamer
from leakhunt.analysis.places import Place, entries_series
from leakhunt.analysis.population import Population
from leakhunt.graph.heap_graph import HeapGraph, Mask
from leakhunt.store.columns import NO_NODE

CACHE_WRAPPERS = frozenset({"functools._lru_cache_wrapper"})
COVERS = 0.5
"""Share of the directly held nodes that another must hold to count."""
_SHOWN = 8
_SAMPLED = 2000

Ints = npt.NDArray[np.int64]


def find_coholders(
    comparison: Comparison,
    population: Population,
    namer: PathNamer,
    holder: Holder,
) -> tuple[CoHolder, ...]:
    """Nodes outside the population with strong edges to most of what the holder holds.

    O(nodes) for the marks and O(in-degree of the directly held nodes).
    """
    graph = comparison.final
    direct = _sample(_objects(comparison, holder.direct))
    if holder.chain_step is not None or not len(direct):
        return ()
    below = _mask(graph, graph.below(holder.direct))
    back, sources = graph.reverse
    start = back[direct].astype(np.int64)
    count = back[direct + 1].astype(np.int64) - start
    owner = np.repeat(np.arange(len(direct)), count)
    at = np.repeat(start - (np.cumsum(count) - count), count) + np.arange(len(owner))
    source = sources[at].astype(np.int64)
    mine = _mask(graph, holder.nodes)
    if holder.type in CACHE_WRAPPERS:
        mine |= np.isin(graph.tree.parent, holder.nodes)  # its dict is a part of it
    keep = ~below[source] & graph.reachable[source] & ~mine[source]
    owner, source = owner[keep], source[keep]
    found = _covering(source, owner, len(direct))
    if not found:
        found = _covering(_anchors(comparison, population, source), owner, len(direct))
    # What one object holds of many things (a type, a module) does not accumulate them.
    found = [node for node in found if not mine[node]]
    return tuple(_describe(comparison, namer, node) for node in found[:_SHOWN])


def _mask(graph: HeapGraph, nodes: Ints) -> Mask:
    mask = np.zeros(graph.node_count, np.bool_)
    mask[nodes] = True
    return mask


def _objects(comparison: Comparison, direct: Ints) -> Ints:
    """The directly held nodes without keys, unless there are only keys."""
    graph = comparison.final
    kinds = graph.columns.edge_kind[graph.tree.parent_edge[direct]]
    values = direct[kinds != EdgeKind.KEY]
    return values if len(values) else direct


def _sample(nodes: Ints) -> Ints:
    step = max(1, len(nodes) // _SAMPLED)
    return nodes[::step]


def _anchors(comparison: Comparison, population: Population, source: Ints) -> Ints:
    """Each newborn source stands for what its group hangs from."""
    top = population.top[source].astype(np.int64)
    parent = comparison.final.tree.parent[np.where(top == NO_NODE, 0, top)].astype(np.int64)
    result: Ints = np.where((top == NO_NODE) | (parent == NO_NODE), source, parent)
    return result


def _covering(source: Ints, owner: Ints, total: int) -> list[int]:
    pairs = np.unique(source * total + owner) if len(source) else source
    nodes, count = np.unique(pairs // total, return_counts=True)
    chosen = nodes[count >= COVERS * total]
    order = np.argsort(-count[count >= COVERS * total], kind="stable")
    return [int(node) for node in chosen[order]]


def _describe(comparison: Comparison, namer: PathNamer, node: int) -> CoHolder:
    graph = comparison.final
    path = namer.path(node, lambda n: bool(comparison.is_new[n]))
    place = Place(node, (), node)
    return CoHolder(path, node, graph.type_name(node), entries_series(comparison, place))


def follows_others(comparison: Comparison, direct: Ints) -> bool:
    """Does a holder keep only weak references to what others leak?  Then it empties itself
    when they let go.  O(edges below a sample of the directly held nodes)."""
    graph, c = comparison.final, comparison.final.columns
    if not len(direct):
        return False
    inside = graph.below(direct)
    # The registry of weakref.finalize keeps its weak references one step further down.
    first = graph.type_name(int(_objects(comparison, direct)[0]))
    nodes = inside if first.startswith("weakref.") else direct
    edges, _ = graph.expand(nodes)
    weak = edges[c.edge_kind[edges] == EdgeKind.WEAK]
    targets = c.edge_target[weak]
    outside = np.setdiff1d(targets[comparison.is_leaked[targets]], inside)
    return len(outside) >= COVERS * len(_objects(comparison, direct))
