"""The slow, obvious twin of the native walker: what Python itself can tell about its heap.

Runs inside the target interpreter: standard library only, and it asks objects nothing that
could run code of theirs.  Reading changes little things (attribute dicts appear), so the
walk comes after the capture it is compared with.
"""

from __future__ import annotations

import builtins
import collections
import datetime as dt
import gc
import inspect
import sys
import types
from typing import Any

Edge = list[Any]
"""``[kind, name, address]``; kind is the name of an EdgeKind."""

_module_of = type.__dict__["__module__"].__get__
_qualname_of = type.__dict__["__qualname__"].__get__
_module_dict: Any = types.ModuleType.__dict__["__dict__"].__get__  # type: ignore[index]
_mro_of = type.__dict__["__mro__"].__get__
_dict_of = type.__dict__["__dict__"].__get__
_HEAP_TYPE = 1 << 9
_SHOWN_CODE_FIELDS = (
    "co_consts", "co_names", "co_exceptiontable", "co_filename", "co_name", "co_qualname",
    "co_linetable",
)  # fmt: skip
_FIELDS_BY_TYPE: dict[type, tuple[str, ...]] = {
    types.MethodType: ("__func__", "__self__"),
    types.CodeType: _SHOWN_CODE_FIELDS,
    types.FunctionType: (
        "__code__", "__globals__", "__builtins__", "__module__", "__defaults__",
        "__kwdefaults__", "__doc__", "__name__", "__closure__", "__qualname__",
    ),
    types.BuiltinFunctionType: ("__self__", "__module__"),
    types.TracebackType: ("tb_next", "tb_frame"),
    types.MemberDescriptorType: ("__objclass__", "__name__"),
    types.GetSetDescriptorType: ("__objclass__", "__name__"),
    types.MethodDescriptorType: ("__objclass__", "__name__"),
    types.WrapperDescriptorType: ("__objclass__", "__name__"),
    types.ClassMethodDescriptorType: ("__objclass__", "__name__"),
    types.GeneratorType: ("__name__", "__qualname__"),
    types.CoroutineType: ("__name__", "__qualname__"),
    types.AsyncGeneratorType: ("__name__", "__qualname__"),
    slice: ("start", "stop", "step"),
    range: ("start", "stop", "step"),
}  # fmt: skip
_DESCRIPTORS = {
    types.MemberDescriptorType, types.GetSetDescriptorType, types.MethodDescriptorType,
    types.WrapperDescriptorType, types.ClassMethodDescriptorType,
}  # fmt: skip
_EXCEPTION_FIELDS = ("args", "__traceback__", "__context__", "__cause__")
_FRAME_OF_TYPE = {
    types.GeneratorType: "gi_frame",
    types.CoroutineType: "cr_frame",
    types.AsyncGeneratorType: "ag_frame",
}


def is_heap_type(cls: type) -> bool:
    """Made at run time: its instances own it."""
    return bool(cls.__flags__ & _HEAP_TYPE)


def inherits(cls: type, base: type) -> bool:
    """As issubclass, without asking a metaclass."""
    return any(c is base for c in _mro_of(cls))


def type_name(cls: type) -> str:
    """``module.QualName`` without asking a metaclass."""
    module = _module_of(cls)
    return f"{module if type(module) is str else 'builtins'}.{_qualname_of(cls)}"


def size_of(obj: Any) -> int | None:
    """``sys.getsizeof``, or None when Python code would be run."""
    for cls in _mro_of(type(obj)):
        found = _dict_of(cls).get("__sizeof__")
        if found is not None:
            return sys.getsizeof(obj) if type(found) is types.MethodDescriptorType else None
    return None


def hidden_referents(obj: Any) -> list[Any]:
    """What ``gc.get_referents`` keeps to itself and Python can show otherwise."""
    cls = type(obj)
    if cls is types.CodeType:
        return [getattr(obj, name) for name in _SHOWN_CODE_FIELDS]
    if cls is range:
        return [obj.start, obj.stop, obj.step]
    if inherits(cls, type):
        return _of_type(obj)
    if cls is dt.datetime or cls is dt.time:
        return [obj.tzinfo]
    if cls is dt.timezone:
        return [obj.utcoffset(None)]
    if cls in _DESCRIPTORS:
        return [obj.__name__]
    return []


def _of_type(cls: type) -> list[Any]:
    """Dict, MRO, bases: the collector is told of them for heap types only."""
    if is_heap_type(cls):
        return [type.__dict__["__name__"].__get__(cls), _qualname_of(cls)]
    proxy = _dict_of(cls)
    base = type.__dict__["__base__"].__get__(cls)
    return [*gc.get_referents(proxy), _mro_of(cls), type.__dict__["__bases__"].__get__(cls), base]


def referents(obj: Any) -> list[Any]:
    """What an object owns, once for each reference; its own heap type is left out."""
    cls = type(obj)
    if inherits(cls, dict):
        return _of_dict(obj)
    if obj is sys.modules.get("_asyncio") and sys.version_info[:2] == (3, 12):
        return [obj.__dict__]  # 3.12's reports dead objects of its free list
    found = [*gc.get_referents(obj), *hidden_referents(obj)]
    found = [x for x in found if x is not None]
    if cls.__name__ == "_lru_cache_wrapper":
        found = _without_links(found)
    if is_heap_type(cls):
        for i, x in enumerate(found):
            if x is cls:
                del found[i]
                break
    return found


def _without_links(found: list[Any]) -> list[Any]:
    """A C lru_cache reports key, result and type of each of its links, then its own type of
    links once: the links own those."""
    at = [i for i, x in enumerate(found) if type(x) is type and x.__name__ == "_lru_list_elem"]
    for i in reversed(at[:-1]):
        del found[i - 2 : i + 1]
    return found


def _of_dict(obj: dict[Any, Any]) -> list[Any]:
    """Keys and values, each once, and what a subclass adds: string keys are not reported."""
    reported = gc.get_referents(obj)
    items = list(dict.items(obj))
    if not reported and items:
        return []  # it lends the inline values of an instance (3.13)
    found = [x for pair in items for x in pair]
    if sys.version_info >= (3, 14) and len(items) > 1000 and all(k is v for k, v in items):
        # the table of interned strings, which the collector knows, counts none of them
        return [x for x in found if sys._is_immortal(x)]
    counts: dict[int, int] = {}  # no Counter: it asks ABCs, whose caches would change
    for x in [*found, type(obj)] if is_heap_type(type(obj)) else found:
        counts[id(x)] = counts.get(id(x), 0) + 1
    for x in reported:
        if counts.get(id(x)):
            counts[id(x)] -= 1
        else:
            found.append(x)
    return [x for x in found if x is not None]


def attributes(obj: Any) -> dict[str, int] | None:
    """Addresses in the instance's ``__dict__`` by name; None without one.  Makes the dict."""
    for cls in _mro_of(type(obj)):
        getter = _dict_of(cls).get("__dict__")
        if type(getter) is types.GetSetDescriptorType:
            found = getter.__get__(obj)
            if type(found) is not dict:
                return None
            return {k: id(v) for k, v in found.items() if type(k) is str}
    return None


def slots(obj: Any) -> list[Edge]:
    """Edges of ``__slots__`` that are set."""
    found: list[Edge] = []
    for cls in _mro_of(type(obj)):
        if "__slots__" not in _dict_of(cls):
            continue
        for name, member in _dict_of(cls).items():
            if type(member) is types.MemberDescriptorType:
                try:
                    found.append(["ATTR", name, id(member.__get__(obj))])
                except AttributeError:
                    continue
    return found


def named_edges(obj: Any) -> list[Edge]:
    """Edges whose names Python knows."""
    cls = type(obj)
    found: list[Edge] = []
    if inherits(cls, list):
        found += [["INDEX", i, id(x)] for i, x in enumerate(list.__iter__(obj))]
    elif inherits(cls, tuple):
        found += [["INDEX", i, id(x)] for i, x in enumerate(tuple.__iter__(obj))]
    elif inherits(cls, collections.deque):
        found += [["INDEX", i, id(x)] for i, x in enumerate(collections.deque.__iter__(obj))]
    elif inherits(cls, dict):
        if gc.get_referents(obj):
            found += [["VALUE", id(k), id(v)] for k, v in dict.items(obj)]
    elif inherits(cls, set) or inherits(cls, frozenset):
        iterate = set.__iter__ if inherits(cls, set) else frozenset.__iter__
        found += [["ELEMENT", None, id(x)] for x in iterate(obj)]
    elif cls is types.CellType:
        found += _cell(obj)
    elif inherits(cls, types.ModuleType):
        found.append(["ATTR", "__dict__", id(_module_dict(obj))])
    elif inherits(cls, BaseException):
        for name in _EXCEPTION_FIELDS:
            value = BaseException.__dict__[name].__get__(obj)
            if value is not None:
                found.append(["ATTR", name, id(value)])
    for name in _FIELDS_BY_TYPE.get(cls, ()):
        value = getattr(obj, name)
        if value is not None:
            found.append(["FIELD", name, id(value)])
    found += _locals(obj)
    return found + slots(obj)


def _cell(cell: types.CellType) -> list[Edge]:
    try:
        return [["FIELD", "cell_contents", id(cell.cell_contents)]]
    except ValueError:
        return []


def _locals(obj: Any) -> list[Edge]:
    """Locals of a suspended generator or of a frame that has ended."""
    cls = type(obj)
    if cls is types.FrameType:
        frame = obj
        alive = {id(f) for f in _all_frames()}
        if id(frame) in alive:
            return []  # its variables belong to the thread's stack
    else:
        name = _FRAME_OF_TYPE.get(cls)
        if name is None or (frame := getattr(obj, name)) is None:
            return []
    code = frame.f_code
    if not code.co_flags & inspect.CO_OPTIMIZED:
        return []
    cells = {*code.co_cellvars, *code.co_freevars}
    return [
        ["LOCAL", name, id(value)]
        for name, value in frame.f_locals.items()
        if name not in cells and type(name) is str
    ]


def _all_frames() -> list[types.FrameType]:
    found = []
    for top in sys._current_frames().values():
        frame: types.FrameType | None = top
        while frame is not None:
            found.append(frame)
            frame = frame.f_back
    return found


def walk(objects: list[Any], without: set[int]) -> dict[int, Any]:
    """Every object that can be reached from ``objects``, ``sys.modules`` and the frames of
    all threads, by address.

    Left out: what is at the addresses ``without``, the walk's own objects, and what runs,
    since it goes on running.
    """
    seen: dict[int, Any] = {}
    own = sys._getframe()
    aside = {id(objects), id(seen), id(without), *without}
    stack: list[Any] = [sys.modules, builtins]
    aside.add(id(stack))
    aside |= {id(obj) for obj in objects if type(obj) is types.CoroutineType and obj.cr_running}
    frames = _all_frames()
    aside.add(id(frames))
    for frame in frames:
        if frame is not own:
            aside.add(id(frame))
            if frame.f_code.co_flags & inspect.CO_OPTIMIZED:
                stack += frame.f_locals.values()
            else:
                stack.append(frame.f_locals)
            stack.append(frame.f_code)
    aside.add(id(own))
    stack += objects
    stack = [x for x in stack if id(x) not in aside]
    while stack:
        obj = stack.pop()
        if id(obj) in seen or id(obj) in aside:
            continue
        seen[id(obj)] = obj
        found = referents(obj)
        cls = type(obj)
        stack.append(cls)
        stack += found
        del found
    return seen
