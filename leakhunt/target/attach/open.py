"""The one way in: check, choose a method, attach."""

from __future__ import annotations

from pathlib import Path

from leakhunt.agent import bootstrap
from leakhunt.errors import UsageError
from leakhunt.target.attach.channel import ANSWER_TIMEOUT_S, Channel, attach
from leakhunt.target.attach.door import TextSource
from leakhunt.target.attach.identify import ProcessIdentity
from leakhunt.target.attach.preflight import check

METHODS = ("auto", "ptrace", "gdb")
"""How to get in; ``auto`` is ``ptrace``: gdb stops a program a thousand times longer, so it is
used on request only."""

# What stands in the way of the own injector alone.
_NOT_FOR_GDB = frozenset({"machine", "shadow-stack"})


def require_ready(pid: int, *, method: str = "auto", force: bool = False) -> ProcessIdentity:
    """What runs in a process that can be attached to; a few milliseconds.

    Raises UsageError for an unknown method, TargetError for what stands against an attach.
    """
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}", hint=f"one of {', '.join(METHODS)}")
    found = check(pid)
    found.require(force=force, ignore=_NOT_FOR_GDB if method == "gdb" else frozenset())
    assert found.identity is not None
    return found.identity


def open_channel(
    pid: int,
    library: Path,
    *,
    source: TextSource = bootstrap.source,
    method: str = "auto",
    force: bool = False,
    timeout_s: float = ANSWER_TIMEOUT_S,
) -> Channel:
    """Have the agent answer in a process; the socket is for an ``AgentConnection``.

    ``source`` makes the text to run there, for tests: by default the agent's own.
    ``library`` is the native agent for the target's interpreter; it is brought along where the
    target cannot open it.  ``force`` attaches in spite of obstacles that can be forced.

    The main thread stands still for a fraction of a millisecond.  A process that the tool
    started itself must not be waited for (``Popen.poll``) by another thread meanwhile.

    Raises UsageError for an unknown method, TargetError when the process is out of reach,
    refuses, ends, or runs nothing of ours in ``timeout_s``.
    """
    require_ready(pid, method=method, force=force)
    used = "ptrace" if method == "auto" else method
    return attach(pid, library, source, method=used, timeout_s=timeout_s)
