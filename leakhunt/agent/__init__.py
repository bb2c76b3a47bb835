"""What runs inside the target: standard library and our C extension only.

A program that shall be reachable without an attach calls `start`, or is run by
``python -m leakhunt.agent app.py``; ``leakhunt hunt PID`` finds it then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakhunt.agent.prepared import start, stop

__all__ = ["start", "stop"]


def __getattr__(name: str) -> object:
    # Loaded on first use (PEP 562): who only wants the C extension does not pay for a server.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from leakhunt.agent import prepared

    return getattr(prepared, name)
