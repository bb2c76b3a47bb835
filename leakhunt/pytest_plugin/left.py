"""What a test left, by who holds it.  Loaded when there is something to tell."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from leakhunt.analysis.paths import SPECIMENS, PathNamer, common_path
from leakhunt.detectors.testrun import reason_of_path
from leakhunt.hunt.within.kinds import shallow_bytes
from leakhunt.hunt.within.live_graph import LiveGraph
from leakhunt.hunt.within.ways import Ways
from leakhunt.report.watched_test import Left

_PATHS = 5
_NAMED_GROUPS = 100
"""Groups of paths of one test that are written out, largest first."""


class Naming:
    """Names the holders of what was found."""

    def __init__(self, found: Ways, plugins: Collection[str]) -> None:
        self._plugins = plugins
        self._graph = LiveGraph(found)
        self._namer = PathNamer(self._graph)
        self._nodes = {id(self._graph.object(node)): node for node in self._graph.found}

    def left(self, addresses: Iterable[int]) -> tuple[Left, ...]:
        """What a test left at some of the addresses, but for what belongs to the test run.
        O(steps of their ways)."""
        graph = self._graph
        nodes = [self._nodes[address] for address in addresses]
        own = set(addresses)
        own -= {id(graph.object(node)) for node in nodes if self._is_of_older(node, own)}
        # What hangs from another of them comes and goes with it.
        tops = [
            node
            for node in nodes
            if id(graph.object(node)) in own and id(graph.holder(node)) not in own
        ]
        rows: dict[tuple[str, str], Left] = {}
        for group in self._groups(tops)[:_NAMED_GROUPS]:
            path = common_path(self._namer, group[:: max(1, len(group) // SPECIMENS)])
            text, steps = str(path), [(text, kind) for text, _, kind in path.described()]
            leaked = steps[-1][1]
            if not reason_of_path(text, steps, leaked, self._plugins):
                size = sum(shallow_bytes(graph.object(node)) for node in group)
                before = rows.get((text, leaked), Left(leaked, 0, 0, text))
                row = Left(leaked, before.count + len(group), before.bytes + size, text)
                rows[text, leaked] = row
        return tuple(sorted(rows.values(), key=lambda left: (-left.count, left.holder))[:_PATHS])

    def _is_of_older(self, node: int, own: set[int]) -> bool:
        """The dict of attributes of an older object: there is one an object, made when it is asked
        for (``vars``, a thread's first use of a local).  What is in it counts."""
        graph = self._graph
        if type(graph.object(node)) is not dict or id(graph.holder(node)) in own:
            return False
        steps = self._namer.path(node).steps
        return bool(steps) and steps[-1].text == ".__dict__"

    def _groups(self, nodes: list[int]) -> list[list[int]]:
        """Nodes whose paths differ in indexes and keys only, the largest group first."""
        found: dict[int, list[int]] = {}
        for node in nodes:
            found.setdefault(self._graph.signature(node), []).append(node)
        return sorted(found.values(), key=len, reverse=True)
