"""How rows of libraries tell that an object has ended: closed, done, shut down."""

from __future__ import annotations

from collections.abc import Callable

from leakhunt.analysis import truth
from leakhunt.graph.heap_graph import HeapGraph

Ended = Callable[[HeapGraph, int], bool]
_NONE = "builtins.NoneType"


def is_none(name: str) -> Ended:
    """It has ended when the attribute is None."""

    def ended(graph: HeapGraph, node: int) -> bool:
        value = graph.attribute(node, name)
        return value is not None and graph.type_name(value) == _NONE

    return ended


def is_set(name: str) -> Ended:
    """It has ended when the attribute is there and not None."""

    def ended(graph: HeapGraph, node: int) -> bool:
        value = graph.attribute(node, name)
        return value is not None and graph.type_name(value) != _NONE

    return ended


def is_true(name: str) -> Ended:
    """It has ended when the attribute is True or 1."""

    def ended(graph: HeapGraph, node: int) -> bool:
        value = graph.attribute(node, name)
        return value is not None and truth.is_true(graph, value)

    return ended


def is_member(name: str, member: str) -> Ended:
    """It has ended when the attribute is the enum member of that name."""

    def ended(graph: HeapGraph, node: int) -> bool:
        value = graph.attribute(node, name)
        text = None if value is None else graph.attribute(value, "_name_")
        return text is not None and graph.text(text) == member

    return ended
