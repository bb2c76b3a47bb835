"""Pending: tasks, futures and coroutines that are never done."""

from __future__ import annotations

from leakhunt.agent.format import Fact
from leakhunt.detectors import known
from leakhunt.detectors.base import Category
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.suspect import MOST, Suspect
from leakhunt.graph.heap_graph import HeapGraph

_PENDING = 0


def examine(s: Suspect) -> Claim | None:
    """Most entries are futures that wait, or suspended coroutines."""
    return Claim(Category.PENDING, _advice(s)) if _is_pending(s) else None


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
