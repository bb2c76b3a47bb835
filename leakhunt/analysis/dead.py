"""Dead captures: what callables and suspended frames keep in variables that no code reads.

The capture proves it from the byte code (Fact.UNREAD).  CPython keeps an argument until the call
ends, a local variable until it is set again, and whatever a bound method, a partial or a default
value binds for as long as that lives, whether or not anything reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.coroutines import SUSPENDED_TYPES, suspended_at
from leakhunt.graph.heap_graph import HeapGraph

_ATOMS = frozenset(
    f"builtins.{name}" for name in ("NoneType", "bool", "int", "float", "ellipsis", "type")
)
"""Keep nothing worth a word."""
_FUNCTION = "builtins.function"
_METHOD = "builtins.method"
_PARTIAL = "functools.partial"
_TASK_CODE = ("_coro", "task_coro")
_INNER = ("_callback", "callback", "_target", "handler", "job_func")
_LEVELS = 3
"""Boxes looked into: a handle, a record with a callback."""


@dataclass(frozen=True, slots=True)
class DeadCapture:
    """A variable that keeps an object and that nothing will read."""

    variable: str
    place: CodeLine
    """The function, and where it begins or is suspended."""
    node: int
    """What it keeps."""

    def __str__(self) -> str:
        return f"`{self.variable}` of {self.place}"


def dead_captures(graph: HeapGraph, node: int) -> tuple[DeadCapture, ...]:
    """Those of a callable, a generator, a coroutine, a task, or a small box around one.

    O(degree) of the object, its code and what it binds.
    """
    for _ in range(_LEVELS):
        kind = graph.type_name(node)
        if kind in SUSPENDED_TYPES:
            return _of_frame(graph, node)
        if kind == _METHOD:
            return _of_method(graph, node)
        if kind == _PARTIAL:
            return _of_partial(graph, node)
        if kind == _FUNCTION:
            return _of_defaults(graph, node)
        inner = graph.attribute(node, *_TASK_CODE, *_INNER)
        if inner is None:
            return ()
        node = inner
    return ()


def _of_frame(graph: HeapGraph, node: int) -> tuple[DeadCapture, ...]:
    unread = _names(graph, graph.named_child(node, "code", "gi_code", "cr_code", "ag_code"),
                    graph.fact(node, Fact.UNREAD))  # fmt: skip
    place = suspended_at(graph, node)
    found = [
        DeadCapture(name, place, graph.target(edge))
        for edge in graph.edges(node)
        if graph.kind(edge) == EdgeKind.LOCAL and (name := graph.edge_text(edge) or "") in unread
    ]
    return _worth_a_word(graph, found)


def _of_method(graph: HeapGraph, node: int) -> tuple[DeadCapture, ...]:
    function, receiver = (graph.named_child(node, name) for name in ("__func__", "__self__"))
    if function is None or receiver is None:
        return ()
    return _bound(graph, function, [(0, receiver)])


def _of_partial(graph: HeapGraph, node: int) -> tuple[DeadCapture, ...]:
    function = graph.attribute(node, "func")
    given = graph.attribute(node, "args")
    named = graph.attribute(node, "keywords", "kw")
    first, captures = 0, list[DeadCapture]()
    if function is not None and graph.type_name(function) == _METHOD:
        captures += _of_method(graph, function)
        function, first = graph.named_child(function, "__func__"), 1
    if function is None:
        return ()
    values = [] if given is None else _items(graph, given)
    captures += _bound(graph, function, [(first + i, value) for i, value in values])
    captures += [] if named is None else _by_name(graph, function, named)
    return tuple(captures)


def _of_defaults(graph: HeapGraph, node: int) -> tuple[DeadCapture, ...]:
    code = graph.named_child(node, "__code__")
    values, named = (graph.named_child(node, name) for name in ("__defaults__", "__kwdefaults__"))
    count = None if code is None else graph.fact(code, Fact.ARGUMENTS)
    captures = list[DeadCapture]()
    if values is not None and count is not None:
        items = _items(graph, values)
        captures += _bound(graph, node, [(count - len(items) + i, value) for i, value in items])
    captures += [] if named is None else _by_name(graph, node, named)
    return tuple(captures)


# --- what a function binds -----------------------------------------------------------------------


def _bound(
    graph: HeapGraph, function: int, values: list[tuple[int, int]]
) -> tuple[DeadCapture, ...]:
    """Of values by the position of the argument, those that the function never reads."""
    code = graph.named_child(function, "__code__")
    unread = None if code is None else graph.fact(code, Fact.UNREAD)
    count = None if code is None else graph.fact(code, Fact.ARGUMENTS)
    if code is None or unread is None or count is None:
        return ()
    names = _variables(graph, code)
    found = [
        DeadCapture(names[at], _begins_at(graph, function, code), value)
        for at, value in values
        if 0 <= at < min(count, len(names)) and unread >> at & 1
    ]
    return _worth_a_word(graph, found)


def _by_name(graph: HeapGraph, function: int, values: int) -> tuple[DeadCapture, ...]:
    """Of values in a dict by the name of the argument."""
    code = graph.named_child(function, "__code__")
    unread = _names(graph, code, None if code is None else graph.fact(code, Fact.UNREAD))
    if code is None or not unread:
        return ()
    found = [
        DeadCapture(name, _begins_at(graph, function, code), graph.target(edge))
        for edge in graph.edges(values)
        if graph.kind(edge) == EdgeKind.VALUE
        and (name := graph.text(int(graph.columns.edge_name[edge])) or "") in unread
    ]
    return _worth_a_word(graph, found)


def _worth_a_word(graph: HeapGraph, found: list[DeadCapture]) -> tuple[DeadCapture, ...]:
    return tuple(one for one in found if graph.type_name(one.node) not in _ATOMS)


def _items(graph: HeapGraph, sequence: int) -> list[tuple[int, int]]:
    columns = graph.columns
    edges = (edge for edge in graph.edges(sequence) if graph.kind(edge) == EdgeKind.INDEX)
    return [(int(columns.edge_name[edge]), graph.target(edge)) for edge in edges]


def _variables(graph: HeapGraph, code: int) -> list[str]:
    names = graph.named_child(code, "co_localsplusnames")
    items = [] if names is None else sorted(_items(graph, names))
    return [graph.text(node) or "?" for _, node in items]


def _names(graph: HeapGraph, code: int | None, mask: int | None) -> frozenset[str]:
    if code is None or not mask:
        return frozenset()
    return frozenset(name for i, name in enumerate(_variables(graph, code)) if mask >> i & 1)


def _begins_at(graph: HeapGraph, function: int, code: int) -> CodeLine:
    name = graph.named_child(function, "__qualname__")
    file = graph.named_child(code, "co_filename")
    return CodeLine(
        function=(None if name is None else graph.text(name)) or "?",
        file=(None if file is None else graph.text(file)) or "?",
        line=graph.fact(code, Fact.LINE),
    )
