"""Structures made of one type over and over (trees, tries): one place, however they branch.

New links hang from old links all over the structure, a few from each.  By themselves they
would be as many holders as there are leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.shares import is_own_type
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE

_OWNER_IS_NEAR = 3
"""Edges from a container up to the link it is a part of."""
_LINK_IS_NEAR = 6
"""Edges from one link up to the one above it: instance, dict, list ..."""
_DEEPEST = 4000
"""Edges climbed; what hangs deeper is left as it is."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """Where each of many anchors belongs."""

    root: Ints
    """Topmost link of the structure an anchor is in, -1 when it is in none."""
    type: Ints
    """Type index of the links, -1 likewise."""


def structures(graph: HeapGraph, anchors: Ints, tops: Ints) -> Structure:
    """Which anchors are parts of links whose new children (``tops``) are links again.

    O(depth) vectorised steps over the anchors.
    """
    node_type = graph.columns.node_type
    own = np.array([is_own_type(graph.name_of_type(t)) for t in range(graph.columns.type_count)])
    owner = _nearest_own(graph, anchors, own)
    link = np.where(owner >= 0, node_type[np.maximum(owner, 0)].astype(np.int64), -1)
    inside = (link >= 0) & (node_type[tops] == link)
    root = np.full(len(anchors), -1, np.int64)
    rows = np.flatnonzero(inside)
    root[rows] = _topmost(graph, owner[rows], link[rows])
    return Structure(root, np.where(root >= 0, link, -1))


def _nearest_own(graph: HeapGraph, anchors: Ints, own: npt.NDArray[np.bool_]) -> Ints:
    """The anchor itself or the first above it of a type of the program, -1 if none is near."""
    heap, at = graph.columns.heap_count, anchors.copy()
    found = np.full(len(anchors), -1, np.int64)
    for _ in range(_OWNER_IS_NEAR + 1):
        here = (at < heap) & (found < 0)
        here[here] = own[graph.columns.node_type[at[here]]]
        found[here] = at[here]
        above = graph.tree.parent[np.minimum(at, graph.node_count - 1)]
        at = np.where(above == NO_NODE, graph.node_count, above).astype(np.int64)
        at = np.minimum(at, graph.node_count)
        if (at >= heap).all():
            break
    return found


def _topmost(graph: HeapGraph, owner: Ints, link: Ints) -> Ints:
    """Climbs from link to link; -1 for what is too deep."""
    top, at, since = owner.copy(), owner.copy(), np.zeros(len(owner), np.int64)
    active = np.arange(len(owner))
    for _ in range(_DEEPEST):
        above = graph.tree.parent[at[active]]
        active, above = active[above != NO_NODE], above[above != NO_NODE]
        at[active] = above
        is_link = graph.columns.node_type[above] == link[active]
        top[active[is_link]] = above[is_link]
        since[active] = np.where(is_link, 0, since[active] + 1)
        active = active[since[active] < _LINK_IS_NEAR]
        if not len(active):
            return top
    top[active] = -1
    return top
