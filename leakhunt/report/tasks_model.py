"""What asyncio tasks of one snapshot wait for, as data and as JSON (``leakhunt.tasks/1``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TASKS_SCHEMA = "leakhunt.tasks/1"


@dataclass(frozen=True, slots=True)
class WaitGroup:
    """Unfinished tasks that wait alike, and those that wait for them."""

    state: str
    """``stuck``, ``waits`` or ``runnable``."""
    stack: tuple[str, ...]
    """Suspended frames, outermost first: ``Client.ask (client.py:16)``."""
    wakers: tuple[str, ...]
    """Who could wake them, in words."""
    count: int
    names: tuple[str, ...]
    """Some of their names."""
    waiting: tuple[WaitGroup, ...]
    """Tasks that wait for the end of these."""


@dataclass(frozen=True, slots=True)
class TasksReport:
    """The unfinished tasks of a snapshot as a tree of awaits."""

    snapshot: str
    count: int
    stuck: int
    groups: tuple[WaitGroup, ...]
    """Those that wait for no other task, the most numerous first."""


def tasks_to_json(report: TasksReport, *, indent: int | None = 2) -> str:
    """ASCII JSON text without a final newline."""
    value = {
        "schema": TASKS_SCHEMA,
        "snapshot": report.snapshot,
        "count": report.count,
        "stuck": report.stuck,
        "groups": [_flat(group, place) for group, place in _walk(report.groups)],
    }
    return json.dumps(value, indent=indent, ensure_ascii=True, allow_nan=False)


def _walk(groups: tuple[WaitGroup, ...]) -> Iterator[tuple[WaitGroup, int | None]]:
    """Every group and the number of the one it waits for, parents first."""
    queue: list[tuple[WaitGroup, int | None]] = [(group, None) for group in groups]
    for number, (group, _) in enumerate(queue):  # grows while it is walked
        queue += [(child, number) for child in group.waiting]
    return iter(queue)


def _flat(group: WaitGroup, waits_for: int | None) -> dict[str, Any]:
    return {
        "state": group.state,
        "stack": list(group.stack),
        "wakers": list(group.wakers),
        "count": group.count,
        "names": list(group.names),
        "waits_for": waits_for,
    }
