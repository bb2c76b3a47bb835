"""Caches of the standard library that nearly every test fills: what they keep is no survivor.

They are few and most are bounded.  Named here and not found by a walk: they are asked for after
each test that left something.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Iterator
from typing import Any, Final

from leakhunt.pytest_plugin.kinds import module_of

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
_WITH_WRAPPERS: Final = (
    "ast", "dis", "enum", "fnmatch", "glob", "importlib.metadata", "inspect", "ipaddress",
    "locale", "logging", "re", "sre_compile", "tokenize", "typing", "urllib.parse",
)  # fmt: skip
"""Modules whose functions keep results (functools.lru_cache), at module level or in a class."""
_Wrapper: Final = type(functools.lru_cache(int))

_wrappers: dict[str, list[Any]] = {}
"""Those that were found, by module."""


def known_caches() -> list[Any]:
    """The caches of the modules that are loaded.  Some microseconds."""
    found = [
        namespace.get(name)
        for module, names in _TABLES.items()
        for namespace in (_namespace(module),)
        for name in names
    ]
    for module in _WITH_WRAPPERS:
        if module in sys.modules:
            if module not in _wrappers:
                _wrappers[module] = list(_wrappers_of(_namespace(module)))
            found += [part for one in _wrappers[module] for part in _tables_of(one)]
    return [one for one in found if one is not None]


def _tables_of(wrapper: Any) -> Iterator[Any]:
    """A function that keeps results, the dict it keeps them in, and the like of the objects that
    are its results: importlib.metadata keeps what it found in a folder with the folder."""
    yield wrapper
    for result in gc.get_referents(wrapper):
        if type(result) is dict:
            yield result
        elif module_of(type(result)) == "importlib.metadata":
            parts = gc.get_referents(result)
            parts += gc.get_referents(*(one for one in parts if type(one) is dict))
            yield from (one for one in parts if type(one) is _Wrapper)


def _wrappers_of(namespace: dict[str, Any]) -> Iterator[Any]:
    classes = [one for one in namespace.values() if type(one) is type]
    for one in (*namespace.values(), *(part for kind in classes for part in vars(kind).values())):
        function = one.__func__ if type(one) in (staticmethod, classmethod) else one
        if type(function) is _Wrapper:
            yield function
    # typing keeps those of all its types together, to be able to clear them.
    for clear in namespace.get("_cleanups", ()):
        yield clear.__self__


def _namespace(module: str) -> dict[str, Any]:
    """Empty when it is not loaded; one that loads lazily is not touched."""
    try:
        found: dict[str, Any] = object.__getattribute__(sys.modules[module], "__dict__")
    except (KeyError, AttributeError):
        return {}
    return found
