"""asyncio in words: what each task waits for, who could wake it, and which are stuck.

A task is *stuck* when nothing that can still run reaches what would wake it.  Found as a
greatest fixed point: at first every waiting task is taken for stuck and its frames carry no
reference; whatever the roots still reach may run.  A waiting task whose future is reached is
not stuck, its frames count again, and so on until nothing changes.  O(nodes + edges) in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leakhunt.agent.format import Fact
from leakhunt.analysis.classes import Classes
from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.coroutines import SUSPENDED_TYPES, await_chain, suspended_at
from leakhunt.analysis.paths import PathNamer
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph, Tree
from leakhunt.graph.tables import NO_TIER, SKIP_WEAK
from leakhunt.store.columns import NO_NODE, U8

TASK_TYPES = frozenset({"_asyncio.Task", "asyncio.tasks.Task"})
_PENDING = 0
_WOKEN = 1
_WAKERS = 3
_LEVELS = 3
"""Objects above a future that are asked: its box, the container, who owns that."""
_CALL_BY_TYPE = {
    "asyncio.locks.Event": "set()",
    "asyncio.locks.Lock": "release()",
    "asyncio.locks.Condition": "notify()",
    "asyncio.locks.Semaphore": "release()",
    "asyncio.locks.BoundedSemaphore": "release()",
    "asyncio.queues.Queue": "put(...)",
}
_WORDS_BY_TYPE = {
    "asyncio.events.TimerHandle": "a timer that is due later",
    "asyncio.events.Handle": "a call that is about to run",
    "asyncio.streams.StreamReader": "data on a connection",
    "asyncio.subprocess.Process": "the end of a subprocess",
}


@dataclass(frozen=True, slots=True)
class TaskWait:
    """One unfinished task."""

    node: int
    name: str | None
    stack: tuple[CodeLine, ...]
    """Suspended frames, outermost first; empty before its first step."""
    future: int | None
    """What it waits for; None when it is about to run."""
    task: int | None
    """The task it waits for, when it waits for one; of several that it gathers, the first."""
    is_stuck: bool
    wakers: tuple[str, ...]
    """Who could wake it, in words; empty when it is stuck or about to run."""

    @property
    def place(self) -> CodeLine | None:
        """The innermost frame."""
        return self.stack[-1] if self.stack else None


class Awaits:
    """Unfinished tasks of one snapshot.  Everything is computed when asked for."""

    def __init__(self, graph: HeapGraph) -> None:
        self.graph = graph
        self._classes = Classes(graph)
        self._namer = PathNamer(graph)

    @cached_property
    def nodes(self) -> tuple[int, ...]:
        """Unfinished tasks.  O(nodes) vectorised."""
        graph = self.graph
        kinds = [
            index
            for index in range(len(graph.columns.type_node))
            if not TASK_TYPES.isdisjoint(self._classes.names_of(index))
        ]
        found = np.flatnonzero(np.isin(graph.columns.node_type, kinds))
        return tuple(n for n in found.tolist() if graph.fact(n, Fact.STATE) == _PENDING)

    def task_of(self, node: int) -> int | None:
        """The task that an object is, or that runs it, or that it would wake.  O(1) after the
        first."""
        return self._task_by_part.get(node)

    @cached_property
    def _task_by_part(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for task in self.nodes:
            future = self._future(task)
            for part in (task, *self._frames(task)[:1], *(() if future is None else (future,))):
                found.setdefault(part, task)
        return found

    def wait(self, node: int) -> TaskWait:
        """One task in full.  O(degree) a frame."""
        future = self._future(node)
        is_stuck = node in self.stuck
        is_open = future is not None and not is_stuck
        return TaskWait(
            node=node,
            name=self._name(node),
            stack=tuple(suspended_at(self.graph, n) for n in self._frames(node)),
            future=future,
            task=None if future is None else self._awaited_task(future),
            is_stuck=is_stuck,
            wakers=self._wakers(future) if is_open and future is not None else (),
        )

    @cached_property
    def stuck(self) -> frozenset[int]:
        """Waiting tasks that nothing can wake.  O(nodes + edges) once."""
        waiting = {n: f for n in self.nodes if (f := self._future(n)) is not None}
        if not waiting:
            return frozenset()
        n = self.graph.node_count
        blocked = np.zeros(n, np.uint8)
        for task in waiting:
            blocked[[task, *self._frames(task)]] = 1
        tree = Tree(
            parent=np.full(n, NO_NODE, np.uint32),
            parent_edge=np.zeros(n, np.uint64),
            distance=np.zeros(n, np.uint32),
            tier=np.full(n, NO_TIER, np.uint8),
            order=np.zeros(n, np.uint32),
        )
        length = 0
        for _, seeds in self.graph.plan.tiers:
            length = self._explore(tree, seeds.tolist(), blocked, length)
        held = np.flatnonzero((self.graph.surplus > 0) & (blocked == 0))
        length = self._explore(tree, held.tolist(), blocked, length)
        return self._settle(waiting, tree, blocked, length)

    def _settle(
        self, waiting: dict[int, int], tree: Tree, blocked: U8, length: int
    ) -> frozenset[int]:
        """Wake tasks until no further one can be woken."""
        while True:
            woken = [task for task, future in waiting.items() if tree.tier[future] != NO_TIER]
            if not woken:
                return frozenset(waiting)
            for task in woken:
                del waiting[task]
                blocked[[task, *self._frames(task)]] = 0
            length = self._explore(tree, woken, blocked, length)

    def _explore(self, tree: Tree, seeds: list[int], blocked: U8, length: int) -> int:
        c = self.graph.columns
        fresh = [seed for seed in seeds if tree.tier[seed] == NO_TIER]
        return _kernels.explore(
            c.edge_offset, c.edge_target, c.edge_kind, SKIP_WEAK, blocked,
            np.array(fresh, np.uint32), _WOKEN, tree.parent, tree.parent_edge, tree.distance,
            tree.tier, tree.order, length,
        )  # fmt: skip

    # ---- one task ----

    def _future(self, task: int) -> int | None:
        """What a task waits for."""
        found = self.graph.named_child(task, "_fut_waiter")
        none = found is None or self.graph.type_name(found) == "builtins.NoneType"
        return None if none else found

    def _frames(self, task: int) -> list[int]:
        """Suspended frames of a task, outermost first."""
        coroutine = self.graph.named_child(task, "_coro")
        chain = [] if coroutine is None else await_chain(self.graph, coroutine)
        return [node for node in chain if self.graph.type_name(node) in SUSPENDED_TYPES]

    def _awaited_task(self, future: int) -> int | None:
        """The task that a future is, or the first unfinished one that it gathers."""
        if self._is_task(future):
            return future
        gathered = self.graph.attribute(future, "_children")
        if gathered is None:
            return None
        children = (self.graph.target(edge) for edge in self.graph.edges(gathered))
        return next((child for child in children if child in self._is_unfinished), None)

    @cached_property
    def _is_unfinished(self) -> frozenset[int]:
        return frozenset(self.nodes)

    def _is_task(self, node: int) -> bool:
        return not TASK_TYPES.isdisjoint(self._classes.names_of(self.graph.type_index(node)))

    def _name(self, task: int) -> str | None:
        name = self.graph.named_child(task, "_name")
        if name is None:
            return None
        number = self.graph.columns.int_of_node(name)
        return self.graph.text(name) if number is None else f"Task-{number}"

    def _wakers(self, future: int) -> tuple[str, ...]:
        """Who holds a future and could resolve it, in words."""
        graph = self.graph
        if self.graph.attribute(future, "_children") is not None:
            return ("the end of the tasks it gathers",)
        if self._is_task(future):
            return (f"the end of task {self._name(future) or '(unnamed)'}",)
        words = []
        for referrer in np.unique(graph.referrers(future)).tolist():
            if graph.type_name(referrer) in SUSPENDED_TYPES or self._is_own(referrer, future):
                continue
            said = self._waker(referrer)
            if said is not None and said not in words:
                words.append(said)
        return tuple(words[:_WAKERS])

    def _is_own(self, referrer: int, future: int) -> bool:
        """The waiting side: the task itself, an iterator over the future."""
        kind = self.graph.type_name(referrer)
        waits = self._is_task(referrer) and self._future(referrer) == future
        return waits or kind.endswith("FutureIter") or kind == "builtins.frame"

    def _waker(self, node: int) -> str | None:
        """In words: the nearest owner whose type says how it wakes, else the container."""
        graph, first = self.graph, node
        if not graph.reachable[node]:
            return None
        for _ in range(_LEVELS):
            kind = graph.type_name(node)
            call = self._call(node)
            if call is not None:
                return f"`{self._namer.path(node)}.{call}`"
            if kind in _WORDS_BY_TYPE:
                return _WORDS_BY_TYPE[kind]
            above = int(graph.tree.parent[node])
            if above == NO_NODE or graph.is_root(above) or kind not in _BOXES:
                break
            node = above
        if graph.is_root(first) or graph.is_root(int(graph.tree.parent[first])):
            return None
        return f"whoever resolves what `{self._namer.path(first)}` holds"

    def _call(self, node: int) -> str | None:
        names = self._classes.names_of(self.graph.type_index(node))
        return next((_CALL_BY_TYPE[name] for name in names if name in _CALL_BY_TYPE), None)


_BOXES = frozenset(
    {"builtins.tuple", "builtins.list", "builtins.set", "builtins.dict", "collections.deque",
     "builtins.builtin_function_or_method", "builtins.method", "functools.partial"}
)  # fmt: skip
