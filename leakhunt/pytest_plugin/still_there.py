"""At the end of a run: what is still there of the objects that tests left behind, held by whom."""

from __future__ import annotations

import gc
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType

from leakhunt.errors import TargetError
from leakhunt.graph.noise import NOISE_ATTRIBUTES, NOISE_EVERYWHERE, NOISE_PACKAGES
from leakhunt.hunt.within.kinds import (
    KeepingFunction,
    ThreadLocal,
    is_exactly,
    name_of,
    namespace_of,
)
from leakhunt.hunt.within.newborn import collect_all
from leakhunt.hunt.within.ways import Ways, find_ways
from leakhunt.pytest_plugin.known_caches import known_caches
from leakhunt.pytest_plugin.survivors import is_silent

if TYPE_CHECKING:
    from leakhunt.report.watched_test import Left

Traces = Mapping[str, Sequence[tuple[int, str]]]
"""By test: address and type of each object."""


def still_there(traces: Traces, plugins: Collection[str] = ()) -> dict[str, tuple[Left, ...]]:
    """One search for all tests.  An object counts when one of its type is at its address still,
    and modules or the interpreter keep it, but not by the test run, known caches and the packages
    of plugins alone.

    The heap must be thawed.  Raises TargetError.  Tests of which nothing is left are not in the
    answer.  O(objects of the heap).
    """
    # What several tests name is the last one's: what was there before is gone.
    last = {address: test for test, trace in traces.items() for address, _ in trace}
    names = {address: name for trace in traces.values() for address, name in trace}
    found = _search(names)
    if not found.reached:
        return {}
    from leakhunt.pytest_plugin.left import Naming

    of_test: dict[str, list[int]] = {}
    for address in found.reached:
        of_test.setdefault(last[address], []).append(address)
    naming = Naming(found, plugins)
    rows = {test: naming.left(addresses) for test, addresses in of_test.items()}
    return {test: left for test, left in rows.items() if left}


def _search(names: Mapping[int, str]) -> Ways:
    shut = _shut()
    found = _find(names, shut)
    keeping = [one for one, _ in found.passed() if type(one) is KeepingFunction]
    if keeping:
        of_library = _functions_of_the_standard_library()
        if not {id(one) for one in of_library}.isdisjoint(map(id, keeping)):
            shut += of_library
            found = _find(names, shut)
    if not _are_kept(_weak_keys(found), shut):
        del found, keeping  # an entry goes with its key, which may be garbage
        collect_all(most=1)
        found = _find(names, shut)
    return found


def _find(names: Mapping[int, str], shut: list[Any]) -> Ways:
    """The ways to objects that are what they were, and say something."""
    return _matching(_ways(list(names), shut), names)


def _ways(addresses: list[int], shut: list[Any]) -> Ways:
    try:
        return find_ways(addresses, shut)
    except (RuntimeError, MemoryError) as exc:
        raise TargetError(str(exc) or "out of memory") from exc


def _are_kept(keys: list[tuple[Any, Any]], shut: list[Any]) -> bool:
    """Whether all keys, each with its table, are kept by something else than what tables with weak
    keys hold: another search, and cheaper than a collection."""
    if not keys:
        return True
    addresses = {id(key) for _, key in keys}
    found = _ways([*addresses], shut + [table for table, _ in keys])
    return len(found.reached) == len(addresses) and not any(
        _has_weak_keys(one, before) for one, before in found.passed()
    )


def _weak_keys(found: Ways) -> list[tuple[Any, Any]]:
    """(table, key) for all that tables with weak keys hold which are on the ways."""
    tables = [one for one, before in found.passed() if _has_weak_keys(one, before)]
    return [
        (table, key)
        for table in tables
        for reference in list(table)
        if issubclass(type(reference), ReferenceType)
        for key in (ReferenceType.__call__(reference),)
        if key is not None
    ]


def _has_weak_keys(one: Any, before: Any) -> bool:
    """But for the table in which a ``threading.local`` keeps what each thread has."""
    key = next(dict.__iter__(one), None) if type(one) is dict else None
    return issubclass(type(key), ReferenceType) and not issubclass(type(before), ThreadLocal)


def _shut() -> list[Any]:
    """What keeps on purpose: nothing is blamed on it."""
    found = known_caches()
    for module, attribute in NOISE_ATTRIBUTES:
        if module in sys.modules:
            found.append((namespace_of(sys.modules[module]) or {}).get(attribute))
    for name, one in list(sys.modules.items()):
        namespace = namespace_of(one) or {}
        found += [namespace.get(attribute) for attribute in NOISE_EVERYWHERE]
        if _package(name) in NOISE_PACKAGES:
            found.append(namespace)
    return [one for one in found if one is not None]


def _functions_of_the_standard_library() -> list[Any]:
    """Those that keep their results: each module means to."""
    return [
        part
        for name, one in list(sys.modules.items())
        if _package(name) in sys.stdlib_module_names
        for part in list((namespace_of(one) or {}).values())
        if type(part) is KeepingFunction
    ]


def _package(name: Any) -> str:
    """Of a name in ``sys.modules``, which may be anything."""
    return name.partition(".")[0] if type(name) is str else ""


def _matching(found: Ways, names: Mapping[int, str]) -> Ways:
    reached = [
        address
        for address in found.reached
        for one in (found.object(address),)
        if name_of(type(one)) == names[address] and not _says_nothing(one)
    ]
    return found._replace(reached=reached)


def _says_nothing(one: Any) -> bool:
    """A dict or tuple of what no collector tracks is soon tracked no more itself."""
    is_plain = is_exactly(one, dict, tuple) and not any(map(gc.is_tracked, gc.get_referents(one)))
    return is_plain or is_silent(one)
