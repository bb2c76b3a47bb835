"""Where a suspended coroutine, generator or task is: function, file and line."""

from __future__ import annotations

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.code_line import CodeLine
from leakhunt.graph.heap_graph import HeapGraph

SUSPENDED_TYPES = frozenset(
    {"builtins.coroutine", "builtins.generator", "builtins.async_generator"}
)
_LONGEST_STACK = 64
"""Awaits of one task that are told; recursion in user code can be deep."""


def suspended_at(graph: HeapGraph, node: int) -> CodeLine:
    """Where one coroutine or generator is suspended.  O(degree)."""
    name = graph.named_child(node, "__qualname__")
    code = graph.named_child(node, "code", "gi_code", "cr_code", "ag_code")
    file = None if code is None else graph.named_child(code, "co_filename")
    return CodeLine(
        function=_text(graph, name) or "?",
        file=_text(graph, file) or "?",
        line=graph.fact(node, Fact.LINE),
    )


def running_at(graph: HeapGraph, root: int) -> CodeLine:
    """Where the running frame is that a root stands for.  O(degree)."""
    function, code = (graph.named_child(root, name) for name in ("function", "code"))
    name = None if function is None else graph.named_child(function, "__qualname__")
    if name is None and code is not None:
        name = graph.named_child(code, "co_qualname", "co_name")
    file = None if code is None else graph.named_child(code, "co_filename")
    return CodeLine(
        function=_text(graph, name) or "?",
        file=_text(graph, file) or "?",
        line=graph.fact(root, Fact.LINE),
    )


def await_chain(graph: HeapGraph, node: int) -> list[int]:
    """A coroutine and those it awaits, outermost first; the last node may be a future's
    iterator.  O(degree) a step."""
    chain = [node]
    while len(chain) < _LONGEST_STACK:
        inner = _awaited(graph, chain[-1])
        if inner is None or inner in chain:
            break
        chain.append(inner)
    return chain


def _awaited(graph: HeapGraph, node: int) -> int | None:
    """What lies on top of the evaluation stack of a suspended frame, if that can be awaited."""
    if graph.type_name(node) not in SUSPENDED_TYPES:
        return None
    stack = [edge for edge in graph.edges(node) if graph.kind(edge) == EdgeKind.STACK]
    if not stack:
        return None
    top = graph.target(stack[-1])
    kind = graph.type_name(top)
    if kind == "builtins.coroutine_wrapper":
        inner = graph.named_child(top, "cw_coroutine")
        others = [graph.target(edge) for edge in graph.edges(top)]
        return inner if inner is not None else next(iter(others), None)
    return top if kind in SUSPENDED_TYPES or kind.endswith("FutureIter") else None


def _text(graph: HeapGraph, node: int | None) -> str | None:
    return None if node is None else graph.text(node)
