"""Finds, in the classes of a snapshot, the call that undoes what the program did."""

from __future__ import annotations

from leakhunt.detectors.suspect import Owner, Suspect

_REMOVALS = (
    "off", "remove_listener", "remove_all_listeners", "removeListener", "unsubscribe",
    "disconnect", "unobserve", "unregister", "unlisten", "unbind", "detach", "deregister",
    "remove_handler", "removeHandler", "remove_observer", "remove_subscriber", "remove_callback",
    "remove_receiver", "remove_done_callback", "remove_hook", "dispose",
)  # fmt: skip
"""Methods that take back a registration, the plainest first."""
_CANCELS = ("cancel", "unschedule", "stop", "remove", "dispose")
_CLOSES = ("aclose", "close", "disconnect", "shutdown", "terminate", "release", "dispose")


def removal_call(s: Suspect, argument: str = "handler") -> str | None:
    """``shop.bus.BUS.off('tick', handler)``: how the owner of a registry lets go; or None."""
    owner = s.owner
    if owner is None:
        return None
    name = _first(_REMOVALS, s.methods(owner.node))
    return None if name is None else f"{owner.path}.{name}({_arguments(owner, argument)})"


def cancel_call(s: Suspect) -> str | None:
    """``.cancel()`` on what was scheduled, or ``shop.SCHEDULER.cancel(...)``; or None."""
    own = _own_call(s, _CANCELS)
    if own is not None:
        return f".{own}"
    owner = s.owner
    name = None if owner is None else _first(_CANCELS, s.methods(owner.node))
    return None if owner is None or name is None else f"{owner.path}.{name}(...)"


def close_call(s: Suspect) -> str | None:
    """``close()`` or ``await aclose()``: how most of the held objects are closed; or None."""
    call = _own_call(s, _CLOSES)
    return f"await {call}" if call == "aclose()" else call


def _own_call(s: Suspect, names: tuple[str, ...]) -> str | None:
    if not s.objects:
        return None
    found = _first(names, s.methods(s.objects[0]))
    return None if found is None else f"{found}()"


def _arguments(owner: Owner, argument: str) -> str:
    return argument if owner.key is None else f"{owner.key}, {argument}"


def _first(wanted: tuple[str, ...], there: frozenset[str]) -> str | None:
    return next((name for name in wanted if name in there), None)
