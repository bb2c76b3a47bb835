"""The one way in: check, choose a method, attach."""

from __future__ import annotations

from pathlib import Path

from leakhunt.agent import bootstrap
from leakhunt.errors import UsageError
from leakhunt.target.attach.channel import ANSWER_TIMEOUT_S, Channel, attach
from leakhunt.target.attach.door import TextSource
from leakhunt.target.attach.preflight import check

METHODS = ("auto", "ptrace", "gdb")
"""How to get in; ``auto`` is ``ptrace``: gdb stops a program a thousand times longer, so it is
used on request only."""

# What stands in the way of the own injector alone.
_NOT_FOR_GDB = frozenset({"machine", "shadow-stack"})


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
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}", hint=f"one of {', '.join(METHODS)}")
    used = "ptrace" if method == "auto" else method
    ignored = _NOT_FOR_GDB if used == "gdb" else frozenset()
    check(pid).require(force=force, ignore=ignored)
    return attach(pid, library, source, method=used, timeout_s=timeout_s)
