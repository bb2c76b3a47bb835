"""What an object of this process refers to, each reference by its name.

Read without running code of the program: by the descriptors of C and of ``__slots__``, and by the
iterators of the built-in containers.  As far as names are needed: a reference that is not found
here has none.
"""

from __future__ import annotations

import gc
import sys
import types
from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from itertools import pairwise
from typing import Any, Final, NamedTuple

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.hunt.within.kinds import (
    KeepingFunction,
    ThreadLocal,
    dict_of_type,
    is_exactly,
    mro_of,
    name_of,
    namespace_of,
    view_of,
)

_INDEX, _VALUE, _KEY = EdgeKind.INDEX, EdgeKind.VALUE, EdgeKind.KEY
_ELEMENT, _ATTR, _FIELD = EdgeKind.ELEMENT, EdgeKind.ATTR, EdgeKind.FIELD


class Reference(NamedTuple):
    """One reference of an object."""

    kind: EdgeKind
    name: Any
    """Index, key, or name of an attribute, field or local variable."""
    target: Any


_FIELDS: Final[dict[int, tuple[str, ...]]] = {
    id(types.FunctionType): (
        "__closure__", "__defaults__", "__kwdefaults__", "__dict__", "__globals__", "__code__",
        "__module__", "__builtins__", "__type_params__",
    ),
    id(types.CellType): ("cell_contents",),
    id(types.MethodType): ("__func__", "__self__"),
    id(types.BuiltinFunctionType): ("__self__",),
    id(types.TracebackType): ("tb_next", "tb_frame"),
    id(types.CodeType): ("co_consts", "co_freevars"),
}  # fmt: skip
_GENERATORS: Final = {
    id(types.GeneratorType): ("gi_frame", "gi_yieldfrom"),
    id(types.CoroutineType): ("cr_frame", "cr_await"),
    id(types.AsyncGeneratorType): ("ag_frame", "ag_await"),
}
"""By the id of the class: the class of a class may forbid to hash it."""
_OF_TYPES: Final = ("__mro__", "__bases__", "__base__")
_OF_EXCEPTIONS: Final = ("args", "__traceback__", "__context__", "__cause__")
_OF_FUTURES: Final = {
    "_asyncio.Future": ("_result", "_exception", "_loop"),
    "_asyncio.Task": ("_coro", "_fut_waiter"),
}
_OF_CONTEXTS: Final = frozenset(
    {"builtins.hamt_bitmap_node", "builtins.hamt_array_node", "builtins.hamt_collision_node"}
)


def _frame() -> types.FrameType:
    return sys._getframe()  # noqa: SLF001 - from 3.13 on its locals are of a type without a name


_LocalsOfFrame: Final = type(_frame().f_locals)
_TRIES: Final = 3


def references_of(one: Any) -> Iterator[Reference]:
    """The references of an object that have a name.  O(references).

    Containers are copied, as other threads may change them at any time.  When a finalizer does so
    meanwhile, some come twice.
    """
    for _ in range(_TRIES):
        try:
            yield from _references_of(one)
        except RuntimeError:  # "changed size during iteration"
            continue
        return


def _references_of(one: Any) -> Iterator[Reference]:
    kind = type(one)
    mro = mro_of(kind)
    # A class of a class may compare by code of its own; issubclass asks a built-in one.
    yield from _entries(one, kind)
    if id(kind) in _FIELDS:
        yield from _of_descriptors(one, kind, _FIELDS[id(kind)])
        yield from _annotations(one)
    elif id(kind) in _GENERATORS:
        frame, waits_for = _GENERATORS[id(kind)]
        yield from _locals(one, getattr(one, frame))
        yield Reference(EdgeKind.STACK, 0, getattr(one, waits_for))
    elif kind is types.FrameType:
        yield from _locals(one, one)
        yield Reference(_FIELD, "f_back", one.f_back)
    elif kind is types.MappingProxyType:
        yield from (Reference(_ATTR, "mapping", part) for part in gc.get_referents(one))
    elif kind is KeepingFunction:
        yield from _results(one)
        yield from _attributes(one, mro)
    elif issubclass(kind, BaseException):
        yield from _of_descriptors(one, BaseException, _OF_EXCEPTIONS)
        yield from _attributes(one, mro)
    elif name_of(kind) in _OF_CONTEXTS:
        yield from _variables(one)
    elif issubclass(kind, ThreadLocal):
        dicts = (part for part in gc.get_referents(one) if _is_of_threads(part))
        yield from (Reference(_FIELD, "dicts", part) for part in dicts)
        yield from _attributes(one, mro)
    elif issubclass(kind, type):
        yield Reference(_FIELD, "__dict__", dict_of_type(one))
        yield from _of_descriptors(one, type, _OF_TYPES)
    else:
        yield from _attributes(one, mro)
        for base in mro:
            if name_of(base) in _OF_FUTURES:
                yield from _of_a_future(one, base)
    yield Reference(EdgeKind.TYPE, 0, kind)


def _annotations(one: Any) -> Iterator[Reference]:
    """Of a function, as it keeps them: who asks has them made, from 3.14 on by its own code."""
    if type(one) is types.FunctionType:
        fields = _of_descriptors(one, type(one), _FIELDS[id(type(one))])
        known = {id(target) for _, _, target in fields}
        for part in gc.get_referents(one):
            if is_exactly(part, dict, tuple) and id(part) not in known:
                yield Reference(_FIELD, "__annotations__", part)


def _is_of_threads(one: Any) -> bool:
    """Is it the table of a ``threading.local``, by a key for each thread?"""
    key = next(dict.__iter__(one), None) if type(one) is dict else None
    return key is not None and type(key) is not str


def _results(function: Any) -> Iterator[Reference]:
    """Of a function that keeps its results.  A bounded one keeps each with its key in a link, which
    says neither."""
    attributes = namespace_of(function) or {}
    target = attributes.get("__wrapped__")
    for table in gc.get_referents(function):
        if type(table) is dict and table is not attributes:
            yield Reference(_FIELD, "cache", table)
            for key in list(dict.__iter__(table)):
                yield Reference(_FIELD, "cache.keys()[*]", key)
    for part in gc.get_referents(function):
        if part is not attributes and part is not target:
            yield Reference(_FIELD, "cache[*].result", part)


def _variables(node: Any) -> Iterator[Reference]:
    """Values of context variables, as the tables in which a context keeps them lead to both."""
    for variable, value in pairwise(reversed(gc.get_referents(node))):
        if type(variable) is ContextVar:
            yield Reference(_ATTR, variable.name, value)


def _entries(one: Any, kind: type) -> Iterator[Reference]:
    """Of the part of it that is a built-in container."""
    if issubclass(kind, dict):
        for key, value in list(dict.items(one)):
            yield Reference(_KEY, 0, key)
            yield Reference(_VALUE, key, value)
        return
    for base in (list, tuple, deque):
        if issubclass(kind, base):
            for index, value in enumerate(list(base.__iter__(one))):
                yield Reference(_INDEX, index, value)
    for base_of_set in (set, frozenset):
        if issubclass(kind, base_of_set):
            for value in list(base_of_set.__iter__(one)):
                yield Reference(_ELEMENT, 0, value)


def _of_descriptors(one: Any, kind: type, names: tuple[str, ...]) -> Iterator[Reference]:
    namespace = view_of(kind)
    for name in names:
        if name in namespace:
            try:
                yield Reference(_FIELD, name, namespace[name].__get__(one))
            except ValueError:  # an empty cell
                continue


def _of_a_future(one: Any, kind: type) -> Iterator[Reference]:
    """What the C code of asyncio keeps; it makes a list of the callbacks when it is asked."""
    namespace = view_of(kind)
    for name in (*_OF_FUTURES[name_of(kind)], "_callbacks"):
        descriptor: Any = namespace.get(name)
        if type(descriptor) is types.GetSetDescriptorType:
            try:
                value = descriptor.__get__(one)
            except RuntimeError:  # its class never called that of the base
                return
            if name != "_callbacks":
                yield Reference(_FIELD, name, value)
            elif type(value) is list and value:
                yield Reference(_FIELD, "_callback0", value[0][0])
                yield Reference(_FIELD, "_context0", value[0][1])


def _locals(one: Any, frame: types.FrameType | None) -> Iterator[Reference]:
    """Of a frame or of the generator that it is part of, and the cells of those that functions in
    it know.  Not of a class body or of exec when they run in a mapping of the program's own."""
    found: Any = None if frame is None else frame.f_locals
    if type(found) is _LocalsOfFrame:
        for name, value in found.items():
            yield Reference(EdgeKind.LOCAL, name, value)
        for cell in gc.get_referents(one):
            if type(cell) is types.CellType:
                yield from _names_of_cell(cell, found)


def _names_of_cell(cell: types.CellType, found: Any) -> Iterator[Reference]:
    contents = _of_descriptors(cell, types.CellType, _FIELDS[id(types.CellType)])
    for _, _, contained in contents:
        for name, value in found.items():
            if value is contained:
                yield Reference(EdgeKind.LOCAL, name, cell)


def _attributes(one: Any, mro: tuple[type, ...]) -> Iterator[Reference]:
    """The dict of attributes, each value where the instance keeps it without the dict, and
    slots."""
    attributes = namespace_of(one)
    if attributes is not None:
        yield Reference(_FIELD, "__dict__", attributes)
        for name, value in list(dict.items(attributes)):
            if type(name) is str:
                yield Reference(_ATTR, name, value)
    for kind in mro:
        for name, descriptor in list(view_of(kind).items()):
            if type(descriptor) is types.MemberDescriptorType:
                try:
                    yield Reference(_ATTR, name, descriptor.__get__(one))
                except Exception:  # noqa: BLE001, S112 - not set, or not its own
                    continue
