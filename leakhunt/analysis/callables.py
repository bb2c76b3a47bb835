"""Which function a callable, or a small box around one, will run: name, file and line."""

from __future__ import annotations

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.code_line import CodeLine
from leakhunt.graph.heap_graph import HeapGraph

_LEVELS = 4
"""Wrappers looked through: a partial of a method, a handle of a partial, and so on."""
_INNER = ("__func__", "func", "function", "_callback", "callback", "_target", "handler", "job_func")
_BOX_EDGES = 8


def function_of(graph: HeapGraph, node: int) -> CodeLine | None:
    """The Python function behind a callable; None when there is none.  O(degree) a level."""
    for _ in range(_LEVELS):
        code = graph.named_child(node, "__code__")
        if code is not None:
            return _place(graph, node, code)
        inner = graph.attribute(node, *_INNER)
        if inner is None:
            inner = _boxed(graph, node)
        if inner is None:
            return None
        node = inner
    return None


def _boxed(graph: HeapGraph, node: int) -> int | None:
    """The first function or method in a small box."""
    kinds = (EdgeKind.INDEX, EdgeKind.VALUE)
    items = (edge for edge in graph.edges(node)[:_BOX_EDGES] if graph.kind(edge) in kinds)
    targets = (graph.target(edge) for edge in items)
    wanted = ("builtins.function", "builtins.method", "functools.partial")
    return next((target for target in targets if graph.type_name(target) in wanted), None)


def _place(graph: HeapGraph, function: int, code: int) -> CodeLine:
    name = graph.named_child(function, "__qualname__")
    file = graph.named_child(code, "co_filename")
    return CodeLine(
        function=(None if name is None else graph.text(name)) or "?",
        file=(None if file is None else graph.text(file)) or "?",
        line=graph.fact(code, Fact.LINE),
    )
