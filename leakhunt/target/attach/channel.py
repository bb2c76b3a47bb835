"""Attach: find out all that can be known, inject, and hold the way in open."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leakhunt.errors import TargetError
from leakhunt.target.attach.attempts import Attempts
from leakhunt.target.attach.door import TextSource
from leakhunt.target.attach.gdb import FUNCTIONS, GdbInjector
from leakhunt.target.attach.identify import ProcessIdentity, ProcessImage
from leakhunt.target.attach.inject import Injector
from leakhunt.target.attach.library import delivery
from leakhunt.target.attach.memory import Memory
from leakhunt.target.attach.procfs import read_status
from leakhunt.target.attach.remote_exec import RemoteExec
from leakhunt.target.attach.seccomp import can_read_filters

ANSWER_TIMEOUT_S = 10.0
"""How long the target may take to run the text."""


@dataclass(frozen=True, slots=True)
class AttachFacts:
    """How an attach went."""

    method: str
    """``ptrace``, ``gdb`` or ``remote_exec``."""
    way: str
    """What answered: ``pending call``, ``helper thread`` or ``remote script``."""
    state: str
    """Where the thread was that took it."""
    stop_ns: tuple[int, ...]
    """How long the target's thread stood still, each time."""
    answer_ns: int
    """From the end of the last stop to the first sign of life."""
    total_ns: int
    """Of the whole attach, preparation included."""


@dataclass(frozen=True, slots=True)
class Channel:
    """An open way into a process."""

    sock: socket.socket
    """Connected, SEQPACKET; whatever the text started answers at its other end."""
    facts: AttachFacts
    identity: ProcessIdentity


def attach(
    pid: int, library: Path, source: TextSource, *, method: str, timeout_s: float
) -> Channel:
    """Run the text of ``source`` in a process that nobody prepared.

    ``method`` is ``ptrace``, ``gdb`` or ``remote_exec``.  Raises TargetError when the target is
    out of reach, refuses, ends, or does not run the text in time.
    """
    try:
        return _attach(pid, library, source, method, timeout_s)
    except OSError as exc:  # Each failure that can be told apart has an error of its own
        raise TargetError(
            f"process {pid} ended, or went out of reach: {exc.strerror or exc}",
            hint="start it again, and attach while it runs",
        ) from exc


def _attach(pid: int, library: Path, source: TextSource, method: str, timeout_s: float) -> Channel:
    started = time.perf_counter_ns()
    with _attempts(pid, library, source, method, timeout_s) as (attempts, identity):
        winner, answered_ns = attempts.run(timeout_s)
        facts = AttachFacts(
            method=method,
            way=winner.way,
            state=winner.state,
            stop_ns=tuple(injection.stop_ns for injection in attempts.injections),
            answer_ns=answered_ns - attempts.last_ns,
            total_ns=time.perf_counter_ns() - started,
        )
        attempts.keep(winner)
    return Channel(winner.sock, facts, identity)


@contextlib.contextmanager
def _attempts(
    pid: int, library: Path, source: TextSource, method: str, timeout_s: float
) -> Iterator[tuple[Attempts, ProcessIdentity]]:
    """All that can be known before a stop."""
    with contextlib.ExitStack() as stack:
        pidfd = os.pidfd_open(pid)
        stack.callback(os.close, pidfd)
        memory = stack.enter_context(Memory(pid))
        image = ProcessImage(pid, memory)
        status = read_status(pid)
        inner = status.namespace_pids[-1]
        goods = delivery(library, status, image)
        if method == "gdb":
            addresses = image.addresses(FUNCTIONS)
            by_gdb = GdbInjector(pid, inner, pidfd, memory, addresses, goods, source)
            attempts = Attempts(pid, lambda _tid, _way: by_gdb.inject(), can_retry=False)
        elif method == "remote_exec":
            by_script = RemoteExec(image.identity(), inner, pidfd, goods, source, timeout_s)
            attempts = Attempts(pid, lambda _tid, _way: by_script.inject(), can_retry=False)
        else:
            points = image.entry_points()
            looks = status.seccomp != 0 and can_read_filters(read_status(os.getpid()))
            injector = Injector(pid, inner, pidfd, memory, points, goods, source, looks)
            attempts = Attempts(pid, injector.inject)
        stack.callback(attempts.close)
        yield attempts, image.identity()
