"""Pending: tasks, futures and coroutines that are never done."""

from __future__ import annotations

from collections import Counter

from leakhunt.agent.format import Fact
from leakhunt.analysis.awaits import TaskWait
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
    """Most entries are futures that wait, or suspended coroutines."""
    return Claim(Category.PENDING, _advice(s), _evidence(s)) if _is_pending(s) else None


def _is_pending(s: Suspect) -> bool:
    if s.mostly(known.FUTURE_TYPES):
        done = sum(is_done(s.graph, node) for node in s.objects)
        return done <= MOST * len(s.objects)
    return s.mostly(known.SUSPENDED_TYPES)


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


def _evidence(s: Suspect) -> tuple[str, ...]:
    """What the tasks wait for, where, and who could wake them; alike ones are counted."""
    tasks = _waiting_tasks(s)
    counts = Counter(_words(s.scene.awaits.wait(node)) for node in tasks)
    return tuple(f"{number:,} {words}" for words, number in counts.most_common(_SHOWN))


def _waiting_tasks(s: Suspect) -> list[int]:
    """The objects that are tasks, and the tasks that the others would wake."""
    awaits = s.scene.awaits
    tasks = [awaits.task_of(node) for node in s.objects]
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
