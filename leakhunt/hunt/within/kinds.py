"""Classes, namespaces and sizes, read without running any code of theirs."""

from __future__ import annotations

import _thread
import functools
import gc
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, Final

# Of ``type`` itself: the class of a class may say something else, and one that the collector took
# apart and could not free has nobody to ask.
_module: Callable[[type], Any] = type.__dict__["__module__"].__get__
_qualname: Callable[[type], str] = type.__dict__["__qualname__"].__get__
_mro: Callable[[type], tuple[type, ...] | None] = type.__dict__["__mro__"].__get__
_view: Callable[[type], Mapping[str, Any] | None] = type.__dict__["__dict__"].__get__
_namespace_of_module: Callable[[Any], dict[str, Any]] = vars(types.ModuleType)["__dict__"].__get__
KeepingFunction: Final = type(functools.lru_cache(int))
"""A function that keeps its results."""
ThreadLocal: Final = _thread._local  # noqa: SLF001 - that of threading may be written in Python
_GC_BYTES = sys.getsizeof([]) - list.__sizeof__([])


def is_exactly(one: Any, *kinds: type) -> bool:
    """Whether an object is of one of some classes, not of one derived.  By identity: the class of
    a class may compare and hash by code of its own."""
    kind = type(one)
    return any(kind is other for other in kinds)


def mro_of(kind: type) -> tuple[type, ...]:
    """A class and those it derives from."""
    return _mro(kind) or ()


def view_of(kind: type) -> Mapping[str, Any]:
    """A read-only view of the namespace of a class."""
    return _view(kind) or {}


def module_of(kind: type) -> str:
    """The module of a class; empty when it has none or says something else than a text."""
    try:
        module = _module(kind)
    except AttributeError:
        return ""
    return module if type(module) is str else ""


def name_of(kind: type) -> str:
    """``module.QualName``, as in every report."""
    return f"{module_of(kind) or 'builtins'}.{_qualname(kind)}"


def dict_of_type(kind: type) -> dict[str, Any]:
    """The namespace of a class itself."""
    found: list[dict[str, Any]] = gc.get_referents(_view(kind))
    return found[0] if found else {}


def namespace_of(one: Any) -> dict[str, Any] | None:
    """The dict of a module or an object, if C code keeps one for it; no code of its own runs,
    which would load a lazy module."""
    if type(one) is types.ModuleType:
        return _namespace_of_module(one)
    for kind in mro_of(type(one)):
        descriptor: Any = view_of(kind).get("__dict__")
        if is_exactly(descriptor, types.GetSetDescriptorType, types.MemberDescriptorType):
            try:
                found = descriptor.__get__(one)
            except Exception:  # noqa: BLE001 - of another class, or of an object half built
                return None
            return found if type(found) is dict else None
    return None


def shallow_bytes(one: Any) -> int:
    """Shallow size, as ``sys.getsizeof`` would say; where a class computes it by code of its own,
    that of what it derives from."""
    is_own = False
    for kind in mro_of(type(one)):
        method = view_of(kind).get("__sizeof__")
        if type(method) is types.MethodDescriptorType:
            return (
                int(method(one)) + _GC_BYTES * gc.is_tracked(one) if is_own else sys.getsizeof(one)
            )
        is_own |= method is not None
    return object.__sizeof__(one)
