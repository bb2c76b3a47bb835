"""What of a program goes on or stays open: tasks, timers, threads and streams, one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.analysis.callables import function_of
from leakhunt.analysis.classes import Classes
from leakhunt.analysis.coroutines import running_at
from leakhunt.analysis.samples import samples_of
from leakhunt.analysis.sites import is_ours, own_line
from leakhunt.analysis.truth import is_true
from leakhunt.detectors import known
from leakhunt.detectors.stream import is_closed
from leakhunt.store.columns import NO_NODE
from leakhunt.target.progress import OnProgress, Progress, ignore_progress

if TYPE_CHECKING:
    from leakhunt.analysis.code_line import CodeLine
    from leakhunt.graph.heap_graph import HeapGraph

_TOLD_EVERY: Final = 512
_POOLS: Final = frozenset({"concurrent.futures.thread.ThreadPoolExecutor"})
_NO_TIMERS: Final = frozenset({"asyncio.events.Handle"})
"""A handle is also what waits at a descriptor."""
_LAYERS: Final = frozenset({
    "_io.TextIOWrapper", "_io.BufferedReader", "_io.BufferedWriter", "_io.BufferedRandom",
    "asyncio.streams.StreamReader", "asyncio.streams.StreamWriter", "sqlite3.Cursor",
})  # fmt: skip
"""Wrapped around a stream that is listed itself."""


class Kind(StrEnum):
    """What goes on."""

    TASK = "task"
    TIMER = "timer"
    THREAD = "thread"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that goes on, or is kept although it has ended."""

    kind: Kind
    node: int
    type: str
    name: str
    """Of a task, a thread or a file; empty when it has none."""
    state: str
    """Of a task ``stuck``, ``waits`` or ``runnable``; of a timer ``scheduled`` or ``cancelled``;
    of a thread ``running``, ``ended`` or ``not started``; of a stream ``open``, ``closed`` or
    ``unknown``."""
    place: CodeLine | None
    """The line of the program's own code where it is; of a timer the function that it will call,
    of a stream where it was made, when that was sampled."""
    stack: tuple[CodeLine, ...]
    """Frames around the place, outermost first; empty when they are not known."""
    note: str
    """Who would wake a task; the descriptor of a stream."""


def list_activities(
    graph: HeapGraph, on_progress: OnProgress | None = None
) -> tuple[Activity, ...]:
    """Tasks, timers, threads and streams of a heap: those that need a look come first.

    O(nodes) and some tens of microseconds for each of them.  ``on_progress`` may raise to
    cancel.
    """
    tell = on_progress or ignore_progress
    finder = _Finder(graph)
    found: list[Activity] = []
    for kind, activities in (
        (Kind.TASK, finder.tasks()),
        (Kind.TIMER, finder.timers()),
        (Kind.THREAD, finder.threads()),
        (Kind.STREAM, finder.streams()),
    ):
        for number, activity in enumerate(activities):
            if number % _TOLD_EVERY == 0:
                tell(Progress(f"looking for {kind}s", number))
            found.append(activity)
    return tuple(sorted(found, key=_order))


_KINDS: Final = tuple(Kind)
_STATES: Final = (
    "stuck", "waits", "runnable", "scheduled", "cancelled", "running", "not started", "ended",
    "open", "unknown", "closed",
)  # fmt: skip


def _order(activity: Activity) -> tuple[int, int, str, int]:
    """By kind, then by state, alike ones together."""
    place = "" if activity.place is None else str(activity.place)
    state = _STATES.index(activity.state)
    return _KINDS.index(activity.kind), state, place, activity.node


def _own_place(stack: Sequence[CodeLine]) -> CodeLine | None:
    """The innermost line of the program's own code; without one, of all."""
    return own_line(stack[::-1])[0] if stack else None


class _Finder:
    """Looks for activities in one heap."""

    def __init__(self, graph: HeapGraph) -> None:
        self._graph = graph
        self._classes = Classes(graph)

    def tasks(self) -> Iterator[Activity]:
        """Unfinished asyncio tasks."""
        from leakhunt.analysis.awaits import Awaits

        awaits = Awaits(self._graph)
        for node in awaits.nodes:
            wait = awaits.wait(node)
            state = "stuck" if wait.is_stuck else "runnable" if wait.future is None else "waits"
            yield Activity(
                Kind.TASK, node, self._graph.type_name(node), wait.name or "", state,
                _own_place(wait.stack), wait.stack, " or ".join(wait.wakers),
            )  # fmt: skip

    def timers(self) -> Iterator[Activity]:
        """Scheduled calls.  A timer that is a thread is one of the threads."""
        for node in self._instances(known.TIMER_TYPES - {"threading.Timer"} - _NO_TIMERS):
            place = function_of(self._graph, node)
            state = "cancelled" if self._is_cancelled(node) else "scheduled"
            yield Activity(
                Kind.TIMER, node, self._graph.type_name(node), "", state, place,
                () if place is None else (place,), "",
            )  # fmt: skip

    def threads(self) -> Iterator[Activity]:
        """Thread objects, and threads that have none."""
        graph, frames, active = self._graph, self._frames_by_thread(), self._active_threads()
        for node in self._instances(known.THREAD_TYPES - _POOLS):
            ident = graph.attribute(node, "_ident")
            number = None if ident is None else graph.columns.int_of_node(ident)
            # The system gives the number of a thread that ended to one that begins.
            is_its = number is not None and (number not in active or node in active[number])
            stack = frames.pop(number, ()) if number is not None and is_its else ()
            is_new = ident is not None and graph.type_name(ident) == "builtins.NoneType"
            state = "running" if stack else "not started" if is_new else "ended"
            places = self._places(stack)
            place = _own_place(places) or (None if stack else function_of(graph, node))
            name = self._text(node, "_name") or (self._label(stack[0]) if stack else "")
            yield Activity(Kind.THREAD, node, graph.type_name(node), name, state, place, places, "")
        for stack in frames.values():
            places = self._places(stack)
            yield Activity(
                Kind.THREAD, stack[0], "", self._label(stack[0]), "running", _own_place(places),
                places, "no thread object",
            )  # fmt: skip

    def streams(self) -> Iterator[Activity]:
        """Files, sockets, connections, sessions; once each, not also their wrappers."""
        graph, made = self._graph, self._stack_by_node()
        for node in self._instances(known.STREAM_TYPES - _LAYERS):
            descriptor, stack = graph.fact(node, Fact.FD), made.get(node, ())
            is_known = descriptor is not None or graph.fact(node, Fact.CLOSED) is not None
            state = "closed" if is_closed(graph, node) else "open" if is_known else "unknown"
            yield Activity(
                Kind.STREAM, node, graph.type_name(node), self._text(node, "name"), state,
                _own_place(stack), stack,
                "" if descriptor is None or descriptor < 0 else f"descriptor {descriptor}",
            )  # fmt: skip

    # ---- what is read of one ----

    def _places(self, frames: Sequence[int]) -> tuple[CodeLine, ...]:
        """Where the frames of a thread are, outermost first; without those that run a scenario."""
        places = (running_at(self._graph, root) for root in reversed(frames))
        return tuple(place for place in places if not is_ours(place.file))

    def _instances(self, names: Collection[str]) -> list[int]:
        """Objects of these classes and of those below them.  O(nodes) vectorised."""
        c, wanted = self._graph.columns, frozenset(names)
        kinds = [i for i in range(c.type_count) if not wanted.isdisjoint(self._classes.names_of(i))]
        found: list[int] = np.flatnonzero(np.isin(c.node_type[: c.heap_count], kinds)).tolist()
        return found

    def _text(self, node: int, *names: str) -> str:
        value = self._graph.attribute(node, *names)
        return "" if value is None else self._graph.text(value) or ""

    def _is_cancelled(self, node: int) -> bool:
        """Does a timer say so?  asyncio's forget what they would call."""
        callback = self._graph.attribute(node, "_callback")
        if callback is not None:
            return self._graph.type_name(callback) == "builtins.NoneType"
        value = self._graph.attribute(node, "cancelled")
        return value is not None and is_true(self._graph, value)

    def _label(self, root: int) -> str:
        """``worker-1`` of ``thread 'worker-1', serve() at app.py``."""
        c = self._graph.columns
        label = c.string(int(c.root_label[root - c.heap_count]))
        return label.partition(", ")[0].removeprefix("thread ").strip("'")

    def _active_threads(self) -> dict[int, set[int]]:
        """Thread objects that ``threading`` takes for running, by the number of their thread."""
        graph, found = self._graph, dict[int, set[int]]()
        _, namespace = graph.plan.modules.get("threading", (None, None))
        edge = None if namespace is None else graph.value_edge(namespace, "_active")
        for entry in () if edge is None else graph.edges(graph.target(edge)):
            if graph.kind(entry) != EdgeKind.VALUE:
                continue
            node = graph.target(entry)
            ident = graph.attribute(node, "_ident")
            number = None if ident is None else graph.columns.int_of_node(ident)
            if number is not None:
                found.setdefault(number, set()).add(node)
        return found

    def _frames_by_thread(self) -> dict[int, tuple[int, ...]]:
        """Roots of running frames by the number of their thread, innermost first."""
        graph, c = self._graph, self._graph.columns
        found: dict[int, list[int]] = {}
        for index in np.flatnonzero(c.root_kind == RootKind.FRAME).tolist():
            root = c.heap_count + index
            thread = graph.fact(root, Fact.THREAD_ID)
            if thread is not None:
                found.setdefault(thread, []).append(root)
        return {thread: tuple(roots) for thread, roots in found.items()}

    def _stack_by_node(self) -> dict[int, tuple[CodeLine, ...]]:
        """Where sampled objects were made, outermost frame first."""
        samples = samples_of(self._graph.columns)
        if samples is None:
            return {}
        rows = zip(samples.node.tolist(), samples.stack.tolist(), strict=True)
        return {node: samples.stacks[stack][::-1] for node, stack in rows if node != NO_NODE}
