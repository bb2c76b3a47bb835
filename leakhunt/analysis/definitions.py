"""The lines where classes and coroutines are written."""

from __future__ import annotations

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.callables import function_of
from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.coroutines import suspended_at
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE

_MAKERS = ("__init__", "__new__", "__post_init__")
"""Methods that run when an instance is made, the most telling first."""


def coroutine_code(graph: HeapGraph, node: int) -> CodeLine:
    """The first line of the code of a coroutine or generator.  O(degree)."""
    place = suspended_at(graph, node)
    code = graph.named_child(node, "code", "gi_code", "cr_code", "ag_code")
    line = None if code is None else graph.fact(code, Fact.LINE)
    return CodeLine(place.function, place.file, line)


def class_code(graph: HeapGraph, type_index: int) -> CodeLine | None:
    """The method of a class that makes its instances; without one, its first method.

    None for a class that was not met or has no method written in its body.  O(names).
    """
    node = int(graph.columns.type_node[type_index])
    namespace = None if node == NO_NODE else graph.named_child(node, "__dict__")
    if namespace is None:
        return None
    prefix = _qualified_name(graph, node, type_index) + "."
    found = [
        (_order(place, prefix), place)
        for edge in graph.edges(namespace)
        if graph.kind(edge) == EdgeKind.VALUE
        and (place := function_of(graph, graph.target(edge))) is not None
        and place.function.startswith(prefix)
        and place.line is not None
        and not place.file.startswith("<")
    ]
    return min(found, key=lambda one: one[0])[1] if found else None


def _qualified_name(graph: HeapGraph, node: int, type_index: int) -> str:
    child = graph.named_child(node, "__qualname__")
    text = None if child is None else graph.text(child)
    return text or graph.name_of_type(type_index).rpartition(".")[2]


def _order(place: CodeLine, prefix: str) -> tuple[int, int]:
    name = place.function.removeprefix(prefix)
    rank = _MAKERS.index(name) if name in _MAKERS else len(_MAKERS)
    return rank, place.line or 0
