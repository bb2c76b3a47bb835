"""Instances with a ``__dict__`` of their own, which ``__slots__`` would do without."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import TypeFlag
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.waste.results import InstanceDicts
from leakhunt.analysis.waste.tables import POINTER_BYTES
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE

Ints = npt.NDArray[np.int64]
_NOT_INSTANCES = frozenset({"builtins.module", "builtins.type", "builtins.function"})


def find_instance_dicts(graph: HeapGraph) -> tuple[InstanceDicts, ...]:
    """Classes whose instances have a ``__dict__`` that slots would save, the worst first.

    Counted are instances of classes written in Python, down to ``object``: another base may
    bring a dict of its own.  O(edges).
    """
    dicts, owners = _owned_dicts(graph)
    types = graph.columns.node_type[owners]
    type_of_node = {int(node): i for i, node in enumerate(graph.columns.type_node.tolist())}
    rows = [
        _row(graph, index, dicts[types == index])
        for index in np.unique(types).tolist()
        if _is_python_class(graph, index, type_of_node)
    ]
    found = [row for row in rows if row.wasted_bytes > 0]
    return tuple(sorted(found, key=lambda row: (-row.wasted_bytes, row.type)))


def _owned_dicts(graph: HeapGraph) -> tuple[Ints, Ints]:
    """Dicts that are the ``__dict__`` of one reachable object, and these objects."""
    c = graph.columns
    edges = np.flatnonzero(graph.is_namespace[c.edge_target])
    kind = c.edge_kind[edges]
    edges = edges[(kind == EdgeKind.FIELD) | (kind == EdgeKind.ATTR)]
    owner = np.searchsorted(c.edge_offset, edges, "right") - 1
    dicts = c.edge_target[edges].astype(np.int64)
    is_plain = graph.reachable[owner] & (owner < c.heap_count)
    is_plain &= (c.type_flags[c.node_type[owner]] & TypeFlag.HEAP) != 0
    dicts, owner = dicts[is_plain], owner[is_plain]
    _, first, count = np.unique(dicts, return_index=True, return_counts=True)
    alone = first[count == 1]
    return dicts[alone], owner[alone]


def _row(graph: HeapGraph, index: int, dicts: Ints) -> InstanceDicts:
    c = graph.columns
    size = int(c.node_size[dicts].sum())
    edges, _ = graph.expand(dicts)
    keys = np.unique(c.edge_name[edges[c.edge_kind[edges] == EdgeKind.VALUE]])
    texts = {text for key in keys.tolist() if (text := graph.text(key)) is not None}
    names = max(len(texts), int(len(keys) > 0))
    return InstanceDicts(
        type=graph.name_of_type(index),
        objects=len(dicts),
        dict_bytes=size,
        attributes=names,
        wasted_bytes=max(0, size - len(dicts) * names * POINTER_BYTES),
    )


def _is_python_class(graph: HeapGraph, index: int, type_of_node: dict[int, int]) -> bool:
    """Is a class and all it inherits from, but ``object``, made by a class statement?

    Such a class has a ``__module__``, and one of them brings the descriptors of ``__dict__`` and
    ``__weakref__``; types made by C code lack the latter or have other bases.
    """
    node = int(graph.columns.type_node[index])
    if node == NO_NODE or graph.name_of_type(index) in _NOT_INSTANCES:
        return False
    mro = graph.named_child(node, "__mro__")
    if mro is None:
        return False
    brings_dict = False
    type_of_node = {int(n): i for i, n in enumerate(graph.columns.type_node.tolist())}
    for edge in graph.edges(mro):
        if graph.kind(edge) != EdgeKind.INDEX:
            continue
        base = graph.target(edge)
        at = type_of_node.get(base)
        if at is not None and graph.name_of_type(at) == "builtins.object":
            continue
        namespace = graph.named_child(base, "__dict__")
        if namespace is None or graph.value_edge(namespace, "__module__") is None:
            return False
        if at is not None and not graph.columns.type_flags[at] & TypeFlag.HEAP:
            return False
        brings_dict |= all(
            graph.value_edge(namespace, name) is not None for name in ("__dict__", "__weakref__")
        )
    return brings_dict
