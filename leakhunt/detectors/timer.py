"""Timers: scheduled calls that are neither run nor cancelled."""

from __future__ import annotations

from leakhunt.detectors import known
from leakhunt.detectors.base import Category
from leakhunt.detectors.calls import cancel_call
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.suspect import Suspect

_QUEUES = ("._scheduled", "._ready")


def examine(s: Suspect) -> Claim | None:
    """Most entries are scheduled calls, or boxes of a loop's queue around one each."""
    in_queue = s.path.endswith(_QUEUES) and s.has_each(known.TIMER_TYPES)
    if not in_queue and not s.mostly(known.TIMER_TYPES):
        return None
    return Claim(Category.TIMER, _advice(s), s.functions())


def _advice(s: Suspect) -> str:
    call = cancel_call(s) or ".cancel()"
    return (
        f"Keep what the scheduling call returns and call `{call}` on it when it is no longer "
        f"needed, or shorten its delay: until it is due it stays in `{s.path}`."
    )
