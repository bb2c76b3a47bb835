"""What runs inside the target: standard library and our C extension only.

A program that shall be reachable without an attach calls `start`, or is run by
``python -m leakhunt.agent app.py``; ``leakhunt hunt PID`` finds it then.
"""

from __future__ import annotations

from leakhunt.agent.prepared import start, stop

__all__ = ["start", "stop"]
