"""Caches of the standard library that nearly every test fills: what they keep is no survivor.

They are few and most are bounded.  Named here and not found by a walk: they are asked for after
each test that left something.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from typing import Any, Final

from leakhunt.hunt.within.kinds import (
    KeepingFunction,
    is_exactly,
    module_of,
    namespace_of,
    view_of,
)

_TABLES: Final = {
    "_strptime": ("_regex_cache",),
    "copyreg": ("dispatch_table",),
    "encodings": ("_cache",),
    "functools": ("_cache",),
    "importlib._bootstrap": ("_blocking_on", "_module_locks"),
    "inspect": ("_filesbymodname", "modulesbyfile"),
    "linecache": ("_interactive_cache", "cache"),
    "re": ("_cache", "_cache2"),
    "sys": ("path_importer_cache",),
    "tokenize": ("_cache",),
    "warnings": ("_onceregistry", "filters", "onceregistry"),
}
"""Dicts and lists by module."""
_MADE_ONCE: Final = {"asyncio.events": "_event_loop_policy", "tempfile": "_name_sequence"}
"""What a module makes at its first use, if it is of a class of its own."""
_WITH_WRAPPERS: Final = (
    "ast", "dis", "enum", "fnmatch", "glob", "importlib.metadata", "inspect", "ipaddress",
    "locale", "logging", "re", "sre_compile", "tokenize", "typing", "urllib.parse",
)  # fmt: skip
"""Modules whose functions keep results (functools.lru_cache)."""

_FOLDERS: Final = "importlib.metadata"
"""Keeps what it found in a folder with the folder, which is a result of another such function."""
_WITH_METHODS: Final = (_FOLDERS, "ipaddress")
"""Those of them in which methods or properties do so too."""

_named: list[tuple[dict[str, Any], tuple[str, ...]]] = []
"""Namespaces of modules, and what they may have put another in the place of."""
_lasting: list[Any] = []
"""Those of the modules that were loaded when we looked last, but for what modules name."""
_module_count = 0
"""When we looked last."""
_tables: dict[str, list[Any]] = {}
"""Functions that keep results, and the dicts they keep them in, by module."""


def known_caches() -> list[Any]:
    """The caches of the modules that are loaded.  Some microseconds."""
    if _module_count != len(sys.modules):
        _look_again()
    found = [namespace.get(name) for namespace, names in _named for name in names]
    found += [*_made_once()]
    return [one for one in found if one is not None] + _lasting + list(_of_folders())


def known_tables() -> list[Any]:
    """What says nothing itself, though what is in it may: the table of all loggers, which comes to
    the collector's knowledge with the first, and the gaps in their tree.  O(loggers)."""
    logging = _namespace("logging")
    table = getattr(getattr(logging.get("root"), "manager", None), "loggerDict", None)
    if type(table) is not dict:
        return []
    kind = logging.get("PlaceHolder")
    gaps = [one for one in list(table.values()) if type(one) is kind]
    dicts = [one for one in gc.get_referents(*gaps) if type(one) is dict]
    return [table, *gaps, *dicts, *(one for one in gc.get_referents(*dicts) if type(one) is dict)]


def slot_names() -> list[Any]:
    """The lists of names that copyreg keeps with classes that were copied or pickled.
    O(classes): a millisecond or two."""
    seen: dict[int, type] = {}
    waiting: list[type] = [object]
    while waiting:
        below: list[type] = type.__subclasses__(waiting.pop())
        new = {id(one): one for one in below if id(one) not in seen}
        seen |= new
        waiting += new.values()
    return [view_of(one).get("__slotnames__") for one in seen.values()]


def _made_once() -> Iterator[Any]:
    for module, name in _MADE_ONCE.items():
        made = _namespace(module).get(name)
        if module_of(type(made)).partition(".")[0] == module.partition(".")[0]:
            yield made


def _namespace(module: str) -> dict[str, Any]:
    return (namespace_of(sys.modules[module]) or {}) if module in sys.modules else {}


def _look_again() -> None:
    global _module_count  # noqa: PLW0603 - there is one table of modules
    _module_count = len(sys.modules)
    _named[:] = [
        (namespace_of(sys.modules[module]) or {}, names)
        for module, names in _TABLES.items()
        if module in sys.modules
    ]
    for module in _WITH_WRAPPERS:
        if module in sys.modules and module not in _tables:
            namespace = namespace_of(sys.modules[module]) or {}
            functions = list(_keeping_functions(namespace, with_methods=module in _WITH_METHODS))
            _tables[module] = functions + [part for one in functions for part in _dicts_of(one)]
            _lasting.extend(_tables[module])


def _dicts_of(wrapper: Any) -> Iterator[Any]:
    """Emptied, they stay the same dicts."""
    return (one for one in gc.get_referents(wrapper) if type(one) is dict)


def _of_folders() -> Iterator[Any]:
    for wrapper in _tables.get(_FOLDERS, ()):
        for result in gc.get_referents(wrapper) if type(wrapper) is KeepingFunction else ():
            if module_of(type(result)) == _FOLDERS:
                parts = gc.get_referents(result)
                parts += gc.get_referents(*(one for one in parts if type(one) is dict))
                yield from (one for one in parts if type(one) is KeepingFunction)


def _keeping_functions(namespace: dict[str, Any], *, with_methods: bool) -> Iterator[Any]:
    yield from (one for one in namespace.values() if type(one) is KeepingFunction)
    classes = [one for one in namespace.values() if type(one) is type] if with_methods else []
    for one in (part for kind in classes for part in view_of(kind).values()):
        function = one.fget if type(one) is property else one
        function = one.__func__ if is_exactly(one, staticmethod, classmethod) else function
        if type(function) is KeepingFunction:
            yield function
    # typing keeps those of all its types together, to be able to clear them.
    for clear in namespace.get("_cleanups", ()):
        yield clear.__self__
