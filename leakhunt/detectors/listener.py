"""Listeners: callables that gather in a registry and are never taken out."""

from __future__ import annotations

from leakhunt.detectors import known
from leakhunt.detectors.base import Category
from leakhunt.detectors.calls import removal_call
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.suspect import MOST, Suspect


def examine(s: Suspect) -> Claim | None:
    """Most entries are callables, or the place is known to hold them."""
    return Claim(Category.LISTENER, _advice(s), s.functions()) if _is_listener(s) else None


def _is_listener(s: Suspect) -> bool:
    if s.path.startswith(known.LISTENER_PATHS) or s.path.endswith(known.LISTENER_NAMES):
        return bool(s.objects)
    if s.holder.type not in known.REGISTRY_TYPES and not s.holder.sizes.final:
        return False
    if s.holder.type in known.CACHE_WRAPPERS:
        return False
    callables = sum(s.carries_callable(node) for node in s.objects)
    return callables > MOST * max(1, len(s.objects))


def _advice(s: Suspect) -> str:
    call = removal_call(s)
    if call is None:
        return f"Remove the callable from `{s.path}` {s.when_done}, or register it weakly."
    return f"Call `{call}` {s.when_done}, or register it weakly."
