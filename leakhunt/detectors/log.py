"""Log: objects that logging, error reporting or recorded calls keep alive."""

from __future__ import annotations

from leakhunt.detectors import known
from leakhunt.detectors.base import Category
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.suspect import Suspect


def examine(s: Suspect) -> Claim | None:
    """Records, handlers or tracebacks gather, or each entry keeps one alive."""
    if s.mostly(known.HANDLER_TYPES):
        return Claim(Category.LOG, _handlers(s), noun="Log handler never removed")
    if s.mostly(known.LOG_TYPES) or s.holder.type in known.LOG_HOLDERS:
        return Claim(Category.LOG, _records(s))
    if s.has_each(known.LOG_TYPES) and not s.mostly(known.CALLABLES):
        return Claim(Category.LOG, _records(s))
    return None


def _handlers(s: Suspect) -> str:
    owner = s.owner
    logger = "the logger" if owner is None else f"`{owner.path}`"
    return (
        f"Call `removeHandler(handler)` on {logger} and `handler.close()` when the job ends, or "
        "add one handler once."
    )


def _records(s: Suspect) -> str:
    if s.count_of(frozenset({"builtins.traceback"})):
        return (
            f"Keep text instead of exceptions in `{s.path}` (`traceback.format_exception`): an "
            "exception keeps its traceback, its frames and all their locals. Or flush and clear it."
        )
    return f"Keep text instead of records in `{s.path}`, bound it, or flush and clear it."
