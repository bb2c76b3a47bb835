"""Queues of timers whose event loop drops the cancelled ones by itself, many at a time."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.detectors.ended import Ended, is_none, is_true
from leakhunt.detectors.suspect import Suspect

_NEARLY_ALL = 0.8
"""Share of cancelled timers among what a queue gained above which it gained nothing else."""


@dataclass(frozen=True, slots=True)
class _Queue:
    owner: frozenset[str]
    inside: frozenset[str]
    """Path from the owner."""
    timers: frozenset[str]
    is_cancelled: Ended
    habit: str
    """When the owner drops them."""


_QUEUES = (
    _Queue(
        frozenset({"asyncio.base_events.BaseEventLoop"}),
        frozenset({"._scheduled"}),
        frozenset({"asyncio.events.TimerHandle"}),
        is_none("_callback"),
        "asyncio drops them when they are due, or when they are half of more than 100",
    ),
    _Queue(
        frozenset({"twisted.internet.base.ReactorBase"}),
        frozenset({"._newTimedCalls", "._pendingTimedCalls"}),
        frozenset({"twisted.internet.base.DelayedCall"}),
        is_true("cancelled"),
        "twisted drops them when they are due, or when they are more than 50 and half of all",
    ),
)


def swept(s: Suspect) -> str | None:
    """Why what the queue of an event loop gained goes by itself: nearly all of it are timers that
    were cancelled.  None for any other holder, and where many are not cancelled.

    O(sampled objects); asyncio's rule is in ``BaseEventLoop._run_once``, twisted's in
    ``ReactorBase.runUntilCurrent``.
    """
    queue = next((queue for queue in _QUEUES if _is_it(queue, s)), None)
    if queue is None or not s.mostly(queue.timers):
        return None
    cancelled = sum(queue.is_cancelled(s.graph, node) for node in s.objects)
    if cancelled < _NEARLY_ALL * len(s.objects):
        return None
    return f"{cancelled:,} of {len(s.objects):,} looked at were cancelled: {queue.habit}"


def _is_it(queue: _Queue, s: Suspect) -> bool:
    owner = s.owner
    if owner is None or not s.is_kind(owner.node, queue.owner):
        return False
    return "".join(step.text for step in owner.inside) in queue.inside
