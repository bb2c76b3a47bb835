"""Which node is the constant ``True``."""

from __future__ import annotations

from leakhunt.graph.heap_graph import HeapGraph

_BOOL = "builtins.bool"


def is_true(graph: HeapGraph, node: int) -> bool:
    """Is it ``True``, or the number 1?  ``True`` is known by its name in ``builtins``: the value
    of a number is stored where it is a key only.  O(names in builtins) vectorised."""
    if graph.type_name(node) != _BOOL:
        return graph.columns.int_of_node(node) == 1
    module = graph.plan.modules.get("builtins")
    edge = None if module is None else graph.value_edge(module[1], "True")
    return edge is not None and graph.target(edge) == node
