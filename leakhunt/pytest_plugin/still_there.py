"""At the end of a run: what is still there of the objects that tests left behind, held by whom."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import ReferenceType

from leakhunt.analysis.paths import SPECIMENS, PathNamer, common_path
from leakhunt.detectors.testrun import reason_of_path
from leakhunt.errors import TargetError
from leakhunt.graph.noise import (
    NOISE_ATTRIBUTES,
    NOISE_EVERYWHERE,
    NOISE_PACKAGES,
)
from leakhunt.hunt.within.kinds import is_exactly, namespace_of, shallow_bytes
from leakhunt.hunt.within.live_graph import LiveGraph
from leakhunt.hunt.within.newborn import collect_all
from leakhunt.pytest_plugin.known_caches import KeepingFunction, known_caches
from leakhunt.pytest_plugin.survivors import is_silent
from leakhunt.report.suite_model import Left

Traces = Mapping[str, Sequence[tuple[int, str]]]
"""By test: address and type of each object."""

_PATHS = 5
_NAMED_GROUPS = 100
"""Groups of paths of one test that are written out, largest first."""


def still_there(traces: Traces) -> dict[str, tuple[Left, ...]]:
    """One search for all tests.  An object counts when one of its type is at its address still,
    and modules or the interpreter keep it, but not by the test run and known caches alone.

    The heap must be thawed.  Raises TargetError.  Tests of which nothing is left are not in the
    answer.  O(objects of the heap).
    """
    last = {address: test for test, trace in traces.items() for address, _ in trace}
    graph = _search(list(last))
    if any(map(_has_weak_keys, graph.passed)):
        del graph  # an entry goes with its key, which may be garbage
        collect_all(most=1)
        graph = _search(list(last))
    nodes = {id(graph.object(node)): node for node in graph.found}
    namer = PathNamer(graph)
    found = {
        # What several tests name is the last one's: what was there before is gone.
        test: _left(
            graph,
            namer,
            _matching(graph, nodes, [one for one in trace if last[one[0]] == test]),
        )
        for test, trace in traces.items()
    }
    return {test: left for test, left in found.items() if left}


def _search(addresses: list[int]) -> LiveGraph:
    try:
        return LiveGraph(addresses, _shut())
    except (RuntimeError, MemoryError) as exc:
        raise TargetError(str(exc) or "out of memory") from exc


def _has_weak_keys(one: Any) -> bool:
    key = next(dict.__iter__(one), None) if type(one) is dict else None
    return issubclass(type(key), ReferenceType)


def _shut() -> list[Any]:
    """What keeps on purpose: nothing is blamed on it."""
    found = known_caches()
    for module, attribute in NOISE_ATTRIBUTES:
        if module in sys.modules:
            found.append((namespace_of(sys.modules[module]) or {}).get(attribute))
    for name, one in list(sys.modules.items()):
        package = name.partition(".")[0] if type(name) is str else ""
        namespace = namespace_of(one) or {}
        found += [namespace.get(attribute) for attribute in NOISE_EVERYWHERE]
        if package in NOISE_PACKAGES:
            found.append(namespace)
        if package in sys.stdlib_module_names:
            found += [part for part in list(namespace.values()) if type(part) is KeepingFunction]
    return [one for one in found if one is not None]


def _matching(
    graph: LiveGraph, nodes: Mapping[int, int], trace: Sequence[tuple[int, str]]
) -> list[int]:
    """Nodes of a trace that are what they were."""
    found = [nodes[address] for address, name in trace
             if address in nodes and graph.type_name(nodes[address]) == name]  # fmt: skip
    return [node for node in found if not _says_nothing(graph.object(node))]


def _says_nothing(one: Any) -> bool:
    """A dict or tuple of what no collector tracks is soon tracked no more itself."""
    is_plain = is_exactly(one, dict, tuple) and not any(map(gc.is_tracked, gc.get_referents(one)))
    return is_plain or is_silent(one)


def _left(graph: LiveGraph, namer: PathNamer, nodes: list[int]) -> tuple[Left, ...]:
    own = {id(graph.object(node)) for node in nodes}
    dicts = [node for node in nodes if type(graph.object(node)) is dict]
    own -= {id(graph.object(node)) for node in dicts if _is_of_older(graph, namer, node, own)}
    # What hangs from another of them comes and goes with it.
    tops = [
        node
        for node in nodes
        if id(graph.object(node)) in own and id(graph.holder(node)) not in own
    ]
    rows: dict[tuple[str, str], Left] = {}
    for group in _groups(graph, tops)[:_NAMED_GROUPS]:
        path = common_path(namer, group[:: max(1, len(group) // SPECIMENS)])
        text, steps = str(path), [(text, kind) for text, _, kind in path.described()]
        leaked = steps[-1][1]
        if not reason_of_path(text, steps, leaked):
            size = sum(shallow_bytes(graph.object(node)) for node in group)
            before = rows.get((text, leaked), Left(leaked, 0, 0, text))
            row = Left(leaked, before.count + len(group), before.bytes + size, text)
            rows[text, leaked] = row
    return tuple(sorted(rows.values(), key=lambda left: (-left.count, left.holder))[:_PATHS])


def _is_of_older(graph: LiveGraph, namer: PathNamer, node: int, own: set[int]) -> bool:
    """The dict of attributes of an older object: there is one an object, made when it is asked
    for (``vars``, a thread's first use of a local).  What is in it counts."""
    if id(graph.holder(node)) in own:
        return False
    steps = namer.path(node).steps
    return bool(steps) and steps[-1].text == ".__dict__"


def _groups(graph: LiveGraph, nodes: list[int]) -> list[list[int]]:
    """Nodes whose paths differ in indexes and keys only, the largest group first."""
    found: dict[int, list[int]] = {}
    for node in nodes:
        found.setdefault(graph.signature(node), []).append(node)
    return sorted(found.values(), key=len, reverse=True)
