"""Containers of libraries whose owner drops entries by itself, many at a time: in a short hunt they
only grow."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.detectors import known
from leakhunt.detectors.ended import Ended, is_none, is_true
from leakhunt.detectors.pending import is_done
from leakhunt.detectors.suspect import Suspect

_NEARLY_ALL = 0.95
"""Share of what has ended among what a queue gained above which it gained nothing else; some may
run at the moment."""


@dataclass(frozen=True, slots=True)
class _Queue:
    """Where entries stay for a while after they ended."""

    owner: frozenset[str]
    inside: frozenset[str]
    """Path from the owner."""
    types: frozenset[str]
    """Of an entry, or of what is in an entry that is a tuple."""
    has_ended: Ended
    habit: str
    """What has ended, and when the owner drops it."""


@dataclass(frozen=True, slots=True)
class _Window:
    """Where the owner keeps no more than so many."""

    owner: frozenset[str]
    inside: frozenset[str]
    habit: str


_QUEUES = (
    _Queue(
        frozenset({"asyncio.base_events.BaseEventLoop"}),
        frozenset({"._scheduled"}),
        frozenset({"asyncio.events.TimerHandle"}),
        is_none("_callback"),
        "cancelled: asyncio drops them when they are due, or when they are half of more than 100",
    ),
    _Queue(
        frozenset({"twisted.internet.base.ReactorBase"}),
        frozenset({"._newTimedCalls", "._pendingTimedCalls"}),
        frozenset({"twisted.internet.base.DelayedCall"}),
        is_true("cancelled"),
        "cancelled: twisted drops them when they are due, or when they are more than 50 and half "
        "of all",
    ),
    _Queue(
        frozenset({"trio._core._run.Deadlines"}),
        frozenset({"._heap"}),
        frozenset({"trio.CancelScope", "trio._core._run.CancelScope"}),
        is_none("_cancel_status"),
        "left: trio drops them when they are due, or when they are 1,000 more than the others",
    ),
    _Queue(
        frozenset({"tornado.locks._TimeoutGarbageCollector"}),
        frozenset({"._waiters"}),
        known.FUTURE_TYPES,
        is_done,
        "done: tornado drops them after 100 timeouts",
    ),
)
_WINDOWS = (
    _Window(
        frozenset({"sentry_sdk.scope.Scope"}),
        frozenset({"._breadcrumbs"}),
        "sentry keeps the last 100, or what `max_breadcrumbs` says",
    ),
    _Window(
        frozenset({"aiohttp.cookiejar.CookieJar"}),
        frozenset({"._expire_heap"}),
        "aiohttp drops what is outdated when it is more than 100 entries and half of them",
    ),
    _Window(
        frozenset({"h2.utilities.SizeLimitDict"}),
        frozenset({""}),
        "it drops the first entry beyond its limit",
    ),
)


def swept(s: Suspect) -> str | None:
    """Why what a container gained goes by itself: its owner is known to see to that, and nearly
    all of what it gained has ended.  None for any other holder.

    O(sampled objects).  The rules are those of ``BaseEventLoop._run_once`` of asyncio,
    ``ReactorBase.runUntilCurrent`` of twisted, ``Deadlines._prune`` of trio,
    ``_TimeoutGarbageCollector`` of tornado, ``Scope.add_breadcrumb`` of sentry-sdk,
    ``CookieJar._do_expiration`` of aiohttp and ``SizeLimitDict`` of h2.
    """
    window = next((one for one in _WINDOWS if _is_it(one, s)), None)
    if window is not None:
        return window.habit
    queue = next((one for one in _QUEUES if _is_it(one, s)), None)
    if queue is None:
        return None
    entries = [entry for node in s.objects if (entry := _entry(queue, s, node)) is not None]
    ended = sum(queue.has_ended(s.graph, entry) for entry in entries)
    if not ended or ended < _NEARLY_ALL * len(s.objects):
        return None
    return f"{ended:,} of {len(s.objects):,} looked at were {queue.habit}"


def _entry(queue: _Queue, s: Suspect, node: int) -> int | None:
    kept = [node, *(s.graph.target(edge) for edge in s.inner_edges(node))]
    return next((one for one in kept if s.graph.type_name(one) in queue.types), None)


def _is_it(place: _Queue | _Window, s: Suspect) -> bool:
    owner = s.owner
    if owner is None or not s.is_kind(owner.node, place.owner):
        return False
    return "".join(step.text for step in owner.inside) in place.inside
