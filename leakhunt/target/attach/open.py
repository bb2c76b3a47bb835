"""The one way in: check, choose a method, attach."""

from __future__ import annotations

from pathlib import Path

from leakhunt.agent import bootstrap
from leakhunt.errors import TargetError, UsageError
from leakhunt.target.attach.channel import ANSWER_TIMEOUT_S, Channel, attach
from leakhunt.target.attach.door import TextSource
from leakhunt.target.attach.identify import ProcessIdentity
from leakhunt.target.attach.preflight import check
from leakhunt.target.attach.remote_exec import OLDEST

METHODS = ("auto", "ptrace", "remote_exec", "gdb")
"""How to get in.  ``auto`` is ``ptrace``, and ``remote_exec`` (3.14 and later) where something
stands in the way of that alone.  gdb stops a program a thousand times longer: on request only."""

# What stands in the way of the own injector alone.
_NOT_FOR_OTHERS = frozenset({"machine", "shadow-stack"})


def require_ready(pid: int, *, method: str = "auto", force: bool = False) -> ProcessIdentity:
    """What runs in a process that can be attached to; a few milliseconds.

    Raises UsageError for an unknown method, TargetError for what stands against an attach.
    """
    _require_known(method)
    return _choose(pid, method, force=force)[1]


def _require_known(method: str) -> None:
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}", hint=f"one of {', '.join(METHODS)}")


def _choose(pid: int, method: str, *, force: bool) -> tuple[str, ProcessIdentity]:
    """The method to use, and what runs in the process."""
    found = check(pid)
    has_remote_exec = found.identity is not None and found.identity.version[:2] >= OLDEST
    if method == "auto":
        names = {obstacle.name for obstacle in found.obstacles}
        method = "remote_exec" if has_remote_exec and names & _NOT_FOR_OTHERS else "ptrace"
    found.require(force=force, ignore=frozenset() if method == "ptrace" else _NOT_FOR_OTHERS)
    assert found.identity is not None
    if method == "remote_exec" and not has_remote_exec:
        raise TargetError(
            f"process {pid} runs CPython {found.identity.version_text}, which has no"
            " sys.remote_exec: it came with 3.14",
            hint="use --method ptrace",
        )
    return method, found.identity


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
    _require_known(method)
    used, _ = _choose(pid, method, force=force)
    return attach(pid, library, source, method=used, timeout_s=timeout_s)
