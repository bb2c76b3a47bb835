"""Installed plugins that keep something of each test, for a report of their own.

pytest-html, pytest-json-report, allure-pytest and the like: their records grow with every test,
and are nobody's leak.  Warnings, too, are kept until the end.
"""

from __future__ import annotations

import gc
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from pathlib import PurePath
from types import ModuleType
from typing import Any, Final

import pytest

from leakhunt.agent._heap import apart, holders
from leakhunt.hunt.within.kinds import dict_of_type, is_exactly, module_of, namespace_of

_WORD: Final = "pytest"
"""In the name of the package of a plugin that serves tests alone; others (anyio, respx) are
libraries, which a suite may be about."""
_WITH_PARTS: Final = {
    "allure_pytest": "allure_commons",
    "pytest_reportportal": "reportportal_client",
}
"""Packages in which a plugin keeps its records, when it is not its own."""
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_CONTAINERS: Final = (dict, list, tuple, deque, defaultdict, OrderedDict)
_LARGE: Final = 256
"""Of a container with more entries only the last ones are gone through after each test."""
_LAST: Final = 64
"""Of them: a test has some reports, sections and lines of a log."""
_MOST: Final = 20_000
"""Objects of plugins that are looked at."""


def plugin_packages(config: pytest.Config) -> frozenset[str]:
    """Packages of the installed plugins that serve tests alone.  One that is worked on, or that a
    ``conftest.py`` registers, is what the suite is about.  O(plugins)."""
    found: set[str] = set()
    for _, plugin in config.pluginmanager.list_name_plugin():
        is_module = type(plugin) is ModuleType
        name = (namespace_of(plugin) or {}).get("__name__") if is_module else None
        package = _package(name if is_module else module_of(type(plugin)))
        if _WORD in package and package not in ("pytest", "_pytest") and _is_installed(package):
            found |= {package, _WITH_PARTS.get(package, package)}
    return frozenset(found)


class Recorders:
    """What those plugins keep: objects that are older than the test."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._all: list[Any] = []
        self._found: list[Any] = []
        """Those that kept something of a test: few, and nearly always the same."""
        self._warnings: list[Any] = _history(config.hook.pytest_warning_recorded)
        self._warned = len(self._warnings)

    @cached_property
    def _packages(self) -> frozenset[str]:
        return plugin_packages(self._config)

    def forget(self) -> None:
        """To be called at times: there may be others, or more of them."""
        self._all.clear()

    def seeds(self) -> list[Any]:
        """What probably keeps something of the test that ran; of much only the last entries.
        Empty where no such plugin is at work, and nothing was warned of."""
        found = [_last(one) if _is_large(one) else one for one in self._found]
        if len(self._warnings) != self._warned:
            self._warned = len(self._warnings)
            found.append(_last(self._warnings))
        return found

    def without(self, newborn: list[Any]) -> list[Any]:
        """The newborn that no plugin keeps; what keeps the others is among the seeds from now on.
        O(objects of the plugins), some thousand."""
        if not self._packages:
            return newborn
        if not self._all:
            self._all = list(self._walk())
        left = apart(newborn, self._all)
        if len(left) < len(newborn):
            known = {id(one) for one in self._found}
            found = {id(holder): holder for holder, _ in holders(newborn, self._all)}
            self._found += [one for number, one in found.items() if number not in known]
        return left

    def _walk(self) -> Iterator[Any]:
        """Containers, and objects of classes of the plugins, that hang from their modules."""
        waiting: list[Any] = [
            namespace_of(module)
            for name, module in list(sys.modules.items())
            if _package(name) in self._packages
        ]
        waiting += [plugin for _, plugin in self._config.pluginmanager.list_name_plugin()]
        seen: set[int] = set()
        while waiting and len(seen) < _MOST:
            one = waiting.pop()
            if id(one) not in seen and self._is_walked(one):
                seen.add(id(one))
                yield one
                waiting += self._parts(one)

    def _is_walked(self, one: Any) -> bool:
        if is_exactly(one, *_CONTAINERS):
            return True
        kind = one if type(one) is type else type(one)
        return _package(module_of(kind)) in self._packages

    def _parts(self, one: Any) -> list[Any]:
        if _is_large(one):
            return _last(one)
        # Of a class only what is its own: those below it are found in their modules.
        return [dict_of_type(one)] if type(one) is type else gc.get_referents(one)


def _history(hook: Any) -> list[Any]:
    """The calls of a hook that pluggy keeps, for plugins that come later: all warnings."""
    found = getattr(hook, "_call_history", None)
    return found if type(found) is list else []


def _is_installed(package: str) -> bool:
    file = (namespace_of(sys.modules.get(package)) or {}).get("__file__")
    return type(file) is str and not _INSTALLED.isdisjoint(PurePath(file).parts)


def _package(name: Any) -> str:
    return name.partition(".")[0] if type(name) is str else ""


def _is_large(one: Any) -> bool:
    return is_exactly(one, *_CONTAINERS) and len(one) >= _LARGE


def _last(one: Any) -> list[Any]:
    """The entries that were put in last."""
    is_table = issubclass(type(one), dict)
    entries = reversed(dict.values(one)) if is_table else reversed(one)
    return list(islice(entries, _LAST))
