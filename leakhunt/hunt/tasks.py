"""What do the asyncio tasks of a snapshot wait for?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from leakhunt.report.tasks_model import TasksReport, WaitGroup

if TYPE_CHECKING:
    from leakhunt.analysis.awaits import TaskWait

_NAMES = 20
_DEEPEST = 200
"""Tasks that wait for tasks that wait: deeper ones are counted with the last."""

_Key = tuple[str, tuple[str, ...], tuple[str, ...]]


def list_tasks(path: Path) -> TasksReport:
    """The unfinished asyncio tasks, alike ones together, as a tree of awaits.

    ``path`` is a snapshot, or a directory that a hunt filled (its final snapshot is meant).
    Raises SnapshotError when it cannot be read, UsageError when it is no such file.
    """
    from leakhunt.analysis.awaits import Awaits
    from leakhunt.graph.heap_graph import HeapGraph
    from leakhunt.hunt.case import snapshot_of
    from leakhunt.hunt.heaps import open_columns

    file = snapshot_of(path)
    awaits = Awaits(HeapGraph(open_columns(file)))
    waits = [awaits.wait(node) for node in awaits.nodes]
    there = {wait.node for wait in waits}
    by_target: dict[int | None, list[TaskWait]] = {}
    for wait in waits:
        target = wait.task if wait.task in there and wait.task != wait.node else None
        by_target.setdefault(target, []).append(wait)
    return TasksReport(
        snapshot=str(file),
        count=len(waits),
        stuck=sum(wait.is_stuck for wait in waits),
        groups=_groups(by_target.get(None, []) or waits, by_target, 0),
    )


def _groups(
    waits: list[TaskWait], by_target: dict[int | None, list[TaskWait]], depth: int
) -> tuple[WaitGroup, ...]:
    """Tasks that wait alike are one group.  As deep as tasks wait for each other."""
    together: dict[_Key, list[TaskWait]] = {}
    for wait in waits:
        together.setdefault(_key(wait), []).append(wait)
    found = []
    for (state, stack, wakers), members in together.items():
        behind = [one for member in members for one in by_target.pop(member.node, [])]
        names = [member.name for member in members if member.name is not None]
        found.append(
            WaitGroup(
                state=state,
                stack=stack,
                wakers=wakers,
                count=len(members),
                names=tuple(names[:_NAMES]),
                waiting=_groups(behind, by_target, depth + 1) if depth < _DEEPEST else (),
            )
        )
    return tuple(sorted(found, key=lambda group: (-group.count, group.stack)))


def _key(wait: TaskWait) -> _Key:
    state = "stuck" if wait.is_stuck else "waits" if wait.future is not None else "runnable"
    is_one = wait.task is not None and wait.task == wait.future and bool(wait.wakers)
    wakers = ("the end of a task",) if is_one else wait.wakers
    return state, tuple(str(frame) for frame in wait.stack), wakers
