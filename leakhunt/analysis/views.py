"""Small objects that keep the buffers of others alive: numpy and pandas views, memoryviews.

A view's own size says nothing of what it keeps: a slice of ten numbers keeps the whole array.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import Fact, TypeFlag
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.graph.heap_graph import HeapGraph

Ints = npt.NDArray[np.int64]

_BASE_FIELDS = ("base", "obj", "managedbuffer", "b_base")
"""Fields by which a view refers to what owns its memory."""
_WINDOWS = frozenset({"builtins.managedbuffer"})
"""Objects between a view and the owner."""


@dataclass(frozen=True, slots=True)
class KeptBuffers:
    """Buffers that views of one type keep."""

    view_type: str
    views: int
    views_bytes: int
    """Shallow bytes of the views themselves."""
    owner_type: str
    owners: int
    owners_bytes: int
    """Shallow bytes of what owns the memory."""


def kept_buffers(graph: HeapGraph, nodes: Ints) -> tuple[KeptBuffers, ...]:
    """Buffers kept by views among some nodes, most bytes first.  O(edges of the nodes).

    Only owners larger than their view count: a view of the whole is no waste.
    """
    view, owner = _pairs(graph, nodes)
    size = graph.columns.node_size
    larger = size[owner] > 2 * size[view]
    view, owner = view[larger], owner[larger]
    kinds = graph.columns.node_type
    found = []
    pairs = kinds[view].astype(np.int64) << 32 | kinds[owner]
    for pair in np.unique(pairs).tolist():
        views, owners = np.unique(view[pairs == pair]), np.unique(owner[pairs == pair])
        found.append(
            KeptBuffers(
                view_type=graph.name_of_type(pair >> 32),
                views=len(views),
                views_bytes=int(size[views].sum()),
                owner_type=graph.name_of_type(pair & 0xFFFF_FFFF),
                owners=len(owners),
                owners_bytes=int(size[owners].sum()),
            )
        )
    return tuple(sorted(found, key=lambda kept: -kept.owners_bytes))


def outer_bytes(graph: HeapGraph, nodes: Ints) -> int:
    """Bytes that some nodes own outside the objects, known and in no size.  O(facts)."""
    c = graph.columns
    told = np.flatnonzero(c.fact_id == Fact.BUFFER_BYTES)
    asked = np.isin(c.fact_node[told], nodes) if len(told) else np.zeros(0, np.bool_)
    return int(c.fact_value[told[asked]].sum())


def opaque_types(graph: HeapGraph, nodes: Ints) -> tuple[str, ...]:
    """Types among some nodes that may own memory no snapshot can see.  O(nodes)."""
    c = graph.columns
    types = np.unique(c.node_type[nodes])
    opaque = types[(c.type_flags[types] & TypeFlag.OPAQUE) != 0]
    return tuple(sorted(graph.name_of_type(int(t)) for t in opaque))


def _pairs(graph: HeapGraph, nodes: Ints) -> tuple[Ints, Ints]:
    """Views and what owns their memory, window objects left out."""
    c = graph.columns
    names = np.concatenate([graph.string_ids(text) for text in _BASE_FIELDS])
    edges, at = graph.expand(nodes)
    kinds = c.edge_kind[edges]
    is_base = ((kinds == EdgeKind.FIELD) | (kinds == EdgeKind.ATTR)) & np.isin(
        c.edge_name[edges], names
    )
    view, owner = nodes[at[is_base]], c.edge_target[edges[is_base]].astype(np.int64)
    windows = [
        int(t) for t in np.unique(c.node_type[owner]) if graph.name_of_type(int(t)) in _WINDOWS
    ]
    through = np.isin(c.node_type[owner], windows)
    is_window = np.isin(c.node_type[view], windows)
    owner[through] = [_exporter(graph, int(window)) for window in owner[through]]
    keep = ~is_window & (owner >= 0)
    return view[keep], owner[keep]


def _exporter(graph: HeapGraph, window: int) -> int:
    found = graph.named_child(window, "obj")
    return -1 if found is None else found
