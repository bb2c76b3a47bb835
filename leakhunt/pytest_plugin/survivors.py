"""Which of the objects that a test left behind are its own.

Between two tests pytest makes reports, fixtures of wider scope come to life, and modules are
imported.  All that is reachable from these belongs to the run and not to the test; the rest is
what outlived it.  Only the newborn are looked at, so this costs microseconds.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from io import StringIO
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple

import pytest

from leakhunt.agent._heap import all_known, apart, holders, unlike
from leakhunt.hunt.within.kinds import dict_of_type, is_exactly, module_of, name_of, namespace_of
from leakhunt.pytest_plugin.known_caches import known_caches, known_tables, slot_names
from leakhunt.pytest_plugin.only_kept import only_kept
from leakhunt.pytest_plugin.recorders import Recorders

_ReverseIterator: type = type(iter(reversed([None])))
_RUNNERS = ("_pytest", "pluggy", "pytest", "xdist", "execnet", "pytest_asyncio", "anyio",
            "coverage", "hypothesis", "leakhunt")  # fmt: skip
_SILENT = (weakref.ReferenceType, FrameType, _ReverseIterator)
"""A weak reference keeps nothing; a frame, and pluggy's way through its hooks, is somebody's who
runs."""
_LARGE = 256
"""A list of all reports there were is not gone through for each test."""

_HAS_INLINE_VALUES = sys.version_info >= (3, 13)
"""An instance that keeps its values in itself leads the collector to these, and not to the dict
that was made of them."""

_THREAD_LOCAL = "_thread._localdummy"
"""What a thread keeps for each of its locals; the class has no other name."""
_FILTER = ("action", "message", "category", "module", "lineno")
_ACTIONS = ("always", "default", "error", "ignore", "module", "once")

_COMMON = (list, dict, tuple, set, CellType, BuiltinFunctionType, StringIO, _ReverseIterator)
"""The most common classes of what is nobody's by its class."""
_others = frozenset(map(id, (*_COMMON, bool, float, int, str, type, type(None))))
"""Classes that are not the runner's, by id: the class of a class may forbid to hash it."""
_kinds: list[type] = []
"""Classes of the runner that were met."""
_runners: set[int] = set()
"""Their ids."""
_codes: list[CodeType] = []
"""The code of its hooks that was met."""

_referents = gc.get_referents


class Imports:
    """Which modules came since we last looked."""

    def __init__(self) -> None:
        self._known = set(sys.modules)
        self._count = len(sys.modules)
        self._static_types = _static_types()

    def new(self) -> list[Any]:
        """Modules imported since the last call, their namespaces, and what the collector does not
        find from there: dicts of the types that C code defines."""
        if len(sys.modules) == self._count:
            return []
        modules = [sys.modules[name] for name in sys.modules.keys() - self._known]
        namespaces = [namespace_of(module) for module in modules]
        types, known = _static_types(), self._static_types
        dicts = [dict_of_type(one) for number, one in types.items() if number not in known]
        self._known, self._count, self._static_types = set(sys.modules), len(sys.modules), types
        return [*modules, *namespaces, *dicts]


class Runner:
    """What pytest and its plugins keep: objects that are older than any test."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._all: list[Any] = []
        self.seeds: list[Any] = []
        """Those that held something new after a test: few, and nearly always the same."""
        self._owners: dict[str, Any] = {}
        self._first: dict[str, Any] = {}
        """Class and module of the last test; those of them of which it was the first."""
        self._parent: Any = None
        self.recorders = Recorders(config)
        self._look_again()  # what it keeps is not of the first test

    def forget(self) -> None:
        """To be called at times: plugins and their parts may have come or grown."""
        self._all.clear()
        self.recorders.forget()
        self.seeds = [one for one in self.seeds if type(one) is not list or len(one) < _LARGE]

    def _look_again(self) -> None:
        self._all.append(_calls_of_tmp_path(self._config))
        plugins = [
            plugin  # from a list: a set would ask them for their hash
            for _, plugin in self._config.pluginmanager.list_name_plugin()
            if type(plugin) is not ModuleType
        ]
        self._all += plugins
        for plugin in plugins:
            for part in _referents(plugin, namespace_of(plugin)):
                kind = type(part)
                if kind is dict or kind is list:
                    self._all += [part] if len(part) < _LARGE else []
                elif _is_runners(kind):
                    self._all += [part, namespace_of(part)]

    def without(self, newborn: list[Any]) -> list[Any]:
        """The newborn that none of its objects holds; those that do are asked first from now on."""
        if not self._all:
            self._look_again()
        left = apart(newborn, self._all)
        if len(left) < len(newborn):
            found = {id(holder): holder for holder, _ in holders(newborn, self._all)}
            known = {id(one) for one in self.seeds}
            self.seeds += [one for number, one in found.items() if number not in known]
        return left

    def meet(self, item: Any) -> bool:
        """To be called for each test in its turn; whether its class or module began."""
        if item.parent is self._parent:
            self._first.clear()
            return False
        owners = {"class": getattr(item, "cls", None), "module": getattr(item, "module", None)}
        self._first = {
            scope: owner
            for scope, owner in owners.items()
            if owner is not None and owner is not self._owners.get(scope)
        }
        self._owners, self._parent = owners, item.parent
        return True

    def keeps(self, item: Any) -> list[Any]:
        """What fixtures of wider scope and collectors keep while a test runs."""
        found = [item.session, item.user_properties]
        for entry in item.session._setupstate.stack.values():  # noqa: SLF001 - no other way
            found += [entry, entry[0]]
        info = getattr(item, "_fixtureinfo", None)
        for several in () if info is None else info.name2fixturedefs.values():
            for one in several:
                if one.cached_result is not None:
                    found += [one.cached_result, one._finalizers]  # noqa: SLF001
                if one.scope in self._first:
                    found.append(self._set_up_for(one.scope))
        return found

    def _set_up_for(self, scope: str) -> Any:
        """What a class or module has, as this is its first test and a fixture of that scope may
        have put there what all its tests use (``setup_class``, ``request.cls.client = ...``)."""
        owner = self._first[scope]
        return dict_of_type(owner) if scope == "class" else namespace_of(owner)


class Survivors(NamedTuple):
    """What came with a test and is still there."""

    own: list[Any] = []  # noqa: RUF012 - nobody appends to it
    """Those that no part of the test run keeps, and no cache of the standard library."""
    cached: list[Any] = []  # noqa: RUF012
    """Those that such a cache keeps."""
    recorded: list[Any] = []  # noqa: RUF012
    """Those that plugins keep for their reports."""


_NONE = Survivors()


def survivors(
    newborn: list[Any], item: pytest.Item, imported: list[Any], runner: Runner
) -> Survivors:
    """The newborn by who keeps them.  ``imported`` are namespaces of new modules.

    O(newborn and what they refer to).
    """
    begins = runner.meet(item)
    seeds = [item, item.stash, *runner.seeds]
    if begins:  # what pytest sets up for it is new
        seeds += runner.keeps(item)
    if all_known(newborn, seeds, _kinds, _codes, _SILENT):  # most tests end here
        return _NONE
    left = apart(newborn, seeds + _of_the_run(newborn, item))
    # pytest keeps the instance of each test of a class until the run ends.
    instance = vars(item).get("_instance")
    if _HAS_INLINE_VALUES and any(type(one) is dict for one in left):
        namespace = namespace_of(instance)  # the collector is not led from the one to the other
        left = [one for one in left if one is not namespace]
    left, _ = only_kept(left, newborn, [instance])
    left, recorded = only_kept(left, newborn, runner.recorders.seeds())
    found = Survivors([], [], recorded)
    if not _tells(left, item):
        return found
    left = apart(left, imported if begins else imported + runner.keeps(item))
    if not _tells(left, item):
        return found
    if imported:
        outside = {id(one) for one in left}
        functions = [one for one in newborn if type(one) is FunctionType]
        left = apart(left, list(_constants(one for one in functions if id(one) not in outside)))
    own, cached = _parted(left, apart(left, known_caches()))
    del left
    found = found._replace(cached=cached)
    if not _tells(own, item):
        return found
    own = _telling(runner.without(own), item)
    if not own:
        return found
    own, more = runner.recorders.without(own, newborn)
    return found._replace(own=own, recorded=recorded + more)


def _parted(objects: list[Any], some: list[Any]) -> tuple[list[Any], list[Any]]:
    """Some of the objects, and the others."""
    numbers = {id(one) for one in some}
    return some, [one for one in objects if id(one) not in numbers]


def blocks_of(objects: list[Any]) -> int:
    """Blocks of memory of objects and of what they refer to that no collector tracks: about, as
    some may be older.  O(references)."""
    parts = {id(part) for one in objects for part in _referents(one) if not gc.is_tracked(part)}
    return len(objects) + len(parts)


def _telling(objects: list[Any], item: pytest.Item) -> list[Any]:
    # By type: isinstance would ask the object for its __class__, which may run its code.
    telling = [one for one in objects if not is_silent(one) and not _is_of_the_hook(one, item)]
    if not telling:
        return []
    known = known_tables()
    if any(map(_is_of_texts, telling)):
        known += slot_names()
        known += gc.get_referents(*_paths(item))
    numbers = {id(one) for one in known}
    return [one for one in telling if id(one) not in numbers]


def _paths(item: pytest.Item) -> list[Any]:
    """pytest's own: the parts of a path are told apart, and kept, when they are asked for."""
    config = item.config
    factory = namespace_of(getattr(config, "_tmp_path_factory", None)) or {}
    found = [config.rootpath, config.invocation_params.dir, *factory.values()]
    return found + [getattr(node, "path", None) for node in item.listchain()]


def is_silent(one: Any) -> bool:
    """Whether it is of a kind that says nothing about what a test leaves."""
    kind = type(one)
    if kind is BuiltinFunctionType:  # the class cache of abc holds these, and no objects
        return issubclass(type(one.__self__), weakref.ReferenceType)
    if kind is MethodType:  # weakref registers this with atexit, once
        return one.__self__ is weakref.finalize
    if kind is list:  # a text file keeps what was not flushed in one that no collector sees
        return not one or (len(one) == 1 and type(one[0]) is str) or _is_of_warnings(one)
    if kind is set:
        return all(type(part) is weakref.ReferenceType for part in one)
    if kind is dict:
        return _is_of_the_interpreter(one)
    return issubclass(kind, _SILENT)


def _is_of_the_interpreter(one: dict[Any, Any]) -> bool:
    """Two that no collector sees before something is put in: that of a class for its subclasses,
    and that of a thread for its locals."""
    first = type(next(iter(one.values()), None))
    if first is weakref.ReferenceType:
        return all(type(part) is weakref.ReferenceType for part in one.values())
    return name_of(first) == _THREAD_LOCAL


def _is_of_texts(one: Any) -> bool:
    return type(one) is list and all(type(part) is str for part in one)


def _is_of_warnings(one: list[Any]) -> bool:
    """The filters that were in force when C code warned last: the interpreter keeps them, and
    pytest makes new ones for each test."""
    return _is_filter(one[0]) and _is_filter(one[-1])


def _is_filter(one: Any) -> bool:
    is_like_one = type(one) is tuple and len(one) == len(_FILTER)
    return is_like_one and type(one[0]) is str and one[0] in _ACTIONS


def _tells(objects: list[Any], item: pytest.Item) -> bool:
    return any(not is_silent(one) and not _is_of_the_hook(one, item) for one in objects)


def _is_of_the_hook(one: Any, item: pytest.Item) -> bool:
    """Whether it is the list of arguments of the hook that runs, or what resumes it: our own, which
    pluggy's code keeps on its stack where it is traced."""
    if type(one) is BuiltinFunctionType:
        return type(one.__self__) is GeneratorType and one.__self__.gi_running
    return type(one) is list and bool(one) and one[0] is item


def _of_the_run(newborn: list[Any], item: pytest.Item) -> list[Any]:
    found = []
    for one in unlike(newborn, _COMMON):
        kind = type(one)
        number = id(kind)
        if number in _runners or (number not in _HANDLES and _is_runners(kind)):
            found.append(one)
            if _HAS_INLINE_VALUES:
                found.append(namespace_of(one))
        elif number in _HANDLES and _HANDLES[number](one, item):
            found.append(one)
    return found


def _is_of_a_runner(function: Any) -> bool:
    """No attribute of another callable is asked for: that may run its code."""
    is_bound = is_exactly(function, MethodType, BuiltinFunctionType)
    return is_bound and _is_runners(type(function.__self__))


def _is_of_a_hook(generator: Any, item: pytest.Item) -> bool:
    """Also a wrapper of a ``conftest.py`` around the test: it has ended, and pluggy has not let go
    of it yet."""
    code = generator.gi_code
    if str.startswith(code.co_filename, _FOLDERS):
        if not any(one is code for one in _codes):
            _codes.append(code)
        return True
    if generator.gi_frame is not None:  # there may be many
        return False
    hooks = item.config.hook.pytest_runtest_protocol.get_hookimpls()
    called = [one.function for one in hooks]
    functions = [one.__func__ if type(one) is MethodType else one for one in called]
    return any(type(one) is FunctionType and one.__code__ is code for one in functions)


def _is_of_tmp_path(method: MethodType, item: pytest.Item) -> bool:
    """pytest registers one with atexit when ``tmp_path`` is used first."""
    return method.__self__ is _stack_of_tmp_path(item.config)


def _stack_of_tmp_path(config: pytest.Config) -> Any:
    return getattr(getattr(config, "_tmp_path_factory", None), "_exit_stack", None)


def _calls_of_tmp_path(config: pytest.Config) -> Any:
    """What pytest calls at exit if ``tmp_path`` was used."""
    return (namespace_of(_stack_of_tmp_path(config)) or {}).get("_exit_callbacks")


_HANDLES: dict[int, Callable[[Any, pytest.Item], bool]] = {
    id(partial): lambda one, _: _is_of_a_runner(one.func),
    id(GeneratorType): _is_of_a_hook,
    id(FunctionType): lambda one, _: _is_in_a_runner(one.__module__),
    id(MethodType): _is_of_tmp_path,
}
"""What can be called or run, by its class: whether it is the runner's."""


def _constants(functions: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    """Of the code of functions and of the code in it.  Code leads the collector nowhere, but it
    knows some constants."""
    waiting = [one.__code__ for one in functions]
    while waiting:
        constants = waiting.pop().co_consts
        yield constants
        waiting += [one for one in constants if type(one) is CodeType]


def _is_runners(kind: type) -> bool:
    number = id(kind)
    if number in _others:
        return False
    if number in _runners:
        return True
    found = _is_in_a_runner(module_of(kind))
    if found:  # their classes stay; one of a test must not be kept by us
        _runners.add(number)
        _kinds.append(kind)
    return found


def _is_in_a_runner(module: Any) -> bool:
    return type(module) is str and module.partition(".")[0] in _RUNNERS


def _static_types() -> dict[int, type]:
    """Those that C code defines once and for ever, by id; they derive from each other only.
    O(subclasses of these): some hundred microseconds."""
    found: dict[int, type] = {}
    waiting: list[type] = [object]
    while waiting:
        subclasses: list[type] = type.__subclasses__(waiting.pop())
        for one in subclasses:
            if not gc.is_tracked(one) and id(one) not in found:
                found[id(one)] = one
                waiting.append(one)
    return found


_FOLDERS: tuple[str, ...] = tuple(
    str(module.__file__).rpartition("/")[0]
    for name in ("_pytest", "pluggy")
    if (module := sys.modules.get(name)) is not None
)
