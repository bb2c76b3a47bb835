"""Pending: tasks, futures and coroutines that are never done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from leakhunt.agent.format import Fact
from leakhunt.analysis.awaits import TASK_TYPES, TaskWait
from leakhunt.analysis.code_line import CodeLine
from leakhunt.detectors import known
from leakhunt.detectors.base import Category
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.suspect import MOST, Suspect
from leakhunt.graph.heap_graph import HeapGraph

_PENDING = 0
_SHOWN = 4
"""Kinds of waits told of one finding."""


def examine(s: Suspect) -> Claim | None:
    """Most entries are suspended coroutines or futures that wait, or keep one each."""
    if s.mostly(known.SUSPENDED_TYPES):
        return Claim(Category.PENDING, _advice(s), _evidence(s, s.objects))
    waiting = [future for node in s.objects if (future := _waiting(s, node)) is not None]
    # A connection has tasks of its own, but to close it is what ends them.
    keeps_streams = s.has_each(known.STREAM_TYPES) and not s.mostly(known.FUTURE_TYPES)
    if len(waiting) <= MOST * max(1, len(s.objects)) or keeps_streams:
        return None
    return Claim(Category.PENDING, _advice(s), _evidence(s, waiting))


def _waiting(s: Suspect, node: int) -> int | None:
    """The unfinished future that an entry is, boxes (with the time it was made, say), or, when it
    is a task, has as an attribute."""
    graph, name = s.graph, s.graph.type_name(node)
    if name in known.FUTURE_TYPES:
        return None if is_done(graph, node) else node
    wanted = known.FUTURE_TYPES if name in known.BOXES else TASK_TYPES
    kept = (graph.target(edge) for edge in s.inner_edges(node))
    return next((n for n in kept if graph.type_name(n) in wanted and not is_done(graph, n)), None)


def is_done(graph: HeapGraph, node: int) -> bool:
    """Has a future a result, an exception or been cancelled?  O(degree)."""
    state = graph.fact(node, Fact.STATE)
    if state is not None:
        return state != _PENDING
    word = graph.attribute(node, "_state")
    return word is not None and graph.text(word) in known.DONE_STATES


def _advice(s: Suspect) -> str:
    return (
        f"Resolve or cancel what `{s.path}` waits for, and await it with a limit "
        "(`asyncio.timeout(...)`, `wait_for(...)`, `future.result(timeout=...)`)."
    )


def _evidence(s: Suspect, waiting: Iterable[int]) -> tuple[str, ...]:
    """What the tasks wait for, where, and who could wake them; alike ones are counted."""
    tasks = _waiting_tasks(s, waiting)
    counts = Counter(_words(s.scene.awaits.wait(node)) for node in tasks)
    return tuple(f"{number:,} {words}" for words, number in counts.most_common(_SHOWN))


def _waiting_tasks(s: Suspect, waiting: Iterable[int]) -> list[int]:
    """Those that are tasks, and the tasks that the others run or would wake."""
    awaits = s.scene.awaits
    tasks = [awaits.task_of(node) for node in waiting]
    return sorted({task for task in tasks if task is not None})


def _words(wait: TaskWait) -> str:
    place = "before their first step" if wait.place is None else f"await in {_where(wait.stack)}"
    if wait.is_stuck:
        return f"tasks {place}: stuck, nothing that can still run would wake them"
    if wait.future is None:
        return f"tasks {place}, about to run"
    return f"tasks {place}; woken by {' or '.join(wait.wakers) or 'what no name leads to'}"


def _where(stack: tuple[CodeLine, ...]) -> str:
    """The innermost frame that is not the standard library's; else the innermost."""
    own = [frame for frame in stack if "/lib/python3" not in frame.file]
    return str((own or stack)[-1])
