"""Installed plugins that keep something of each test, for a report of their own.

pytest-html, pytest-json-report, allure-pytest and the like: their records grow with every test,
and are nobody's leak.  Warnings, too, are kept until the end.
"""

from __future__ import annotations

import gc
import re
import sys
import time
import tomllib
from collections import OrderedDict, defaultdict, deque
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any, Final

import pytest

from leakhunt.agent._heap import holders
from leakhunt.hunt.within.kinds import dict_of_type, is_exactly, module_of, namespace_of
from leakhunt.pytest_plugin.only_kept import only_kept

_NAME: Final = re.compile("pytest_.+|.+_pytest")
"""Of the package of a plugin that serves tests alone; others (anyio, respx) are libraries, which a
suite may be about."""
_WITH_PARTS: Final = {
    "allure_pytest": "allure_commons",
    "pytest_reportportal": "reportportal_client",
}
"""Packages in which a plugin keeps its records, when it is not its own."""
_WITHOUT_RECORDS: Final = frozenset(
    {
        "pytest_asyncio",
        "pytest_cov",
        "pytest_mock",
        "pytest_randomly",
        "pytest_timeout",
        "pytest_trio",
    }
)
"""Plugins that are used much and keep nothing of a test: nothing is looked for there."""
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_CONTAINERS: Final = (dict, list, tuple, deque, defaultdict, OrderedDict)
_LARGE: Final = 256
"""Of a container with more entries only the last ones are looked into."""
_LAST: Final = 64
"""Of them: a test has some reports, sections and lines of a log."""
_KEPT: Final = 64
"""Keepers that are remembered."""
_WALK_SHARE: Final = 0.005
"""Of the run's time that looking for keepers may take."""
_WALKS: Final = 5
"""But for so many times: what a plugin makes with its first records keeps the next ones."""
_MOST: Final = 20_000
"""Objects of plugins that are looked at."""


def plugin_packages(config: pytest.Config) -> frozenset[str]:
    """Packages of the installed plugins that serve tests alone, but for that which the suite is
    about: what the folder of the run has, or is the source of.  O(plugins)."""
    found: set[str] = set()
    for _, plugin in config.pluginmanager.list_name_plugin():
        is_module = type(plugin) is ModuleType
        name = (namespace_of(plugin) or {}).get("__name__") if is_module else None
        package = _package(name if is_module else module_of(type(plugin)))
        if package not in found and _NAME.fullmatch(package) and _is_installed(package):
            found.add(package)
    found -= _WITHOUT_RECORDS
    found = {one for one in found if not _is_of_project(one, config.rootpath)}
    return frozenset(found | {_WITH_PARTS[one] for one in found if one in _WITH_PARTS})


class Recorders:
    """What those plugins keep: objects that are older than the test."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._found: list[Any] = []
        """Those that kept something of a test: few, and nearly always the same."""
        self._warnings: list[Any] = _history(config.hook.pytest_warning_recorded)
        self._warned = len(self._warnings)
        self._started_ns, self._walked_ns, self._walks = time.perf_counter_ns(), 0, 0

    @cached_property
    def _packages(self) -> frozenset[str]:
        return plugin_packages(self._config)

    def forget(self) -> None:
        """To be called at times: a plugin may have let go of its own."""
        self._found.clear()

    def warned(self) -> int:
        """How many warnings came since the last look."""
        return len(self._warnings) - self._warned

    def seeds(self) -> list[Any]:
        """What probably keeps something of the test that ran.  Empty where no such plugin is at
        work, and nothing was warned of."""
        has_warned = self.warned() > 0
        self._warned = len(self._warnings)
        return [*self._found, self._warnings] if has_warned else self._found

    def without(self, objects: list[Any], newborn: list[Any]) -> tuple[list[Any], list[Any]]:
        """The objects that are not kept by plugins alone, and those that are; what keeps these is
        among the seeds from now on.  None are found when too much time went by with looking.
        O(objects of the plugins and names of modules): milliseconds."""
        started = time.perf_counter_ns()
        is_dear = self._walked_ns > _WALK_SHARE * (started - self._started_ns)
        if not self._packages or (self._walks >= _WALKS and is_dear):
            return objects, []
        self._walks += 1
        numbers = {id(one) for one in newborn}
        # Older ones: who holds what a plugin makes for each test would keep it alive.
        older = [one for one in self._walk() if id(one) not in numbers]
        left, kept = only_kept(objects, newborn, older)
        if kept:
            known = {id(one) for one in self._found}
            found = {id(holder): holder for holder, _ in holders(kept, older)}
            self._found += [one for number, one in found.items() if number not in known]
            del self._found[:-_KEPT]
        self._walked_ns += time.perf_counter_ns() - started
        return left, kept

    def _walk(self) -> list[Any]:
        """Containers, and objects of classes of the plugins, that hang from their modules."""
        seen, waiting = self._others(), list[Any]()
        for name, module in list(sys.modules.items()):
            if _package(name) in self._packages:
                waiting.append(namespace_of(module))
        waiting += [plugin for _, plugin in self._config.pluginmanager.list_name_plugin()]
        found: list[Any] = []
        while waiting and len(found) < _MOST:
            one = waiting.pop()
            if id(one) not in seen and self._is_walked(one):
                seen.add(id(one))
                found.append(one)
                waiting += self._parts(one)
        return found

    def _others(self) -> set[int]:
        """Namespaces of all other modules, and the containers that these name: a plugin may import
        them, and is not who keeps what is in them."""
        found = {id(sys.modules)}
        for name, module in list(sys.modules.items()):
            namespace = namespace_of(module)
            if namespace is not None and _package(name) not in self._packages:
                named = [one for one in namespace.values() if is_exactly(one, *_CONTAINERS)]
                found.update(map(id, [namespace, *named]))
        return found

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


def _is_of_project(package: str, root: Path) -> bool:
    if any((root / folder / package).exists() for folder in (".", "src")):
        return True
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["name"]
        return re.sub(r"[-_.]+", "_", project).lower() == package
    except (OSError, ValueError, KeyError, TypeError):
        return False


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
