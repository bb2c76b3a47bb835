"""Attach: inject, wait for the sign of life, try again in another way where it stays away."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leakhunt.errors import TargetError
from leakhunt.target.attach.door import READY, TextSource
from leakhunt.target.attach.identify import ProcessIdentity, ProcessImage
from leakhunt.target.attach.inject import HELPER_THREAD, Injection, Injector, RefusedError
from leakhunt.target.attach.library import delivery
from leakhunt.target.attach.memory import Memory
from leakhunt.target.attach.procfs import read_status, thread_ids, waits_in
from leakhunt.target.attach.registers import syscall_state

ANSWER_TIMEOUT_S = 10.0
"""How long the target may take to run the text."""

_PATIENCE_S = 0.25
_RETRY_S = 0.02
_DATAGRAM_BYTES_MAX = 64 << 10


@dataclass(frozen=True, slots=True)
class AttachFacts:
    """How an attach went."""

    method: str
    """``ptrace``, ``gdb`` or ``remote_exec``."""
    way: str
    """What answered: ``pending call`` or ``helper thread``."""
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


def attach_by_ptrace(
    pid: int, library: Path, source: TextSource, *, timeout_s: float = ANSWER_TIMEOUT_S
) -> Channel:
    """Run the text of ``source`` in a process that nobody prepared.

    Raises TargetError when the target is out of reach, refuses, ends, or does not run the text
    in time.
    """
    started = time.perf_counter_ns()
    with _prepared(pid, library, source) as (injector, identity):
        attempts = _Attempts(injector)
        try:
            winner, answered_ns = attempts.run(timeout_s)
        except BaseException:
            attempts.close()
            raise
        attempts.close(but=winner)
    facts = AttachFacts(
        method="ptrace",
        way=winner.way,
        state=winner.state,
        stop_ns=tuple(injection.stop_ns for injection in attempts.injections),
        answer_ns=answered_ns - attempts.last_ns,
        total_ns=time.perf_counter_ns() - started,
    )
    return Channel(winner.sock, facts, identity)


@contextlib.contextmanager
def _prepared(
    pid: int, library: Path, source: TextSource
) -> Iterator[tuple[Injector, ProcessIdentity]]:
    """All that can be known before a stop."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError as exc:
        raise TargetError(f"process {pid} cannot be opened: {exc.strerror}") from exc
    try:
        with Memory(pid) as memory:
            image = ProcessImage(pid, memory)
            identity = image.identity()
            yield (
                Injector(
                    pid=pid,
                    pidfd=pidfd,
                    memory=memory,
                    points=image.entry_points(),
                    library=delivery(library, read_status(pid), image),
                    source=source,
                ),
                identity,
            )
    finally:
        os.close(pidfd)


class _Attempts:
    """Injections into one process until one of them shows life.

    Each has its own socket: a text that runs late, after another one won, finds its socket
    closed and ends.
    """

    def __init__(self, injector: Injector) -> None:
        self._injector = injector
        self._pid = injector.pid
        self._selector = selectors.DefaultSelector()
        self.injections: list[Injection] = []
        self.last_ns = 0

    def run(self, timeout_s: float) -> tuple[Injection, int]:
        """The injection that answered, and when (``perf_counter_ns``)."""
        deadline = time.monotonic() + timeout_s
        refusal: RefusedError | None = None
        try:
            self._inject(self._pid)
        except RefusedError as exc:
            refusal = exc
        while (left := deadline - time.monotonic()) > 0:
            patience = _PATIENCE_S if self.injections else _RETRY_S
            answered = self._wait(min(patience, left))
            if answered is not None:
                return answered
            refusal = self._try_again(refusal)
        if refusal is not None and not self.injections:
            raise refusal
        raise self._silent(timeout_s)

    def _try_again(self, refusal: RefusedError | None) -> RefusedError | None:
        """A helper thread on any parked thread; the main thread again while nothing is there."""
        if any(injection.way == HELPER_THREAD for injection in self.injections):
            return refusal  # It cannot get lost: it waits for the interpreter's lock
        for tid in self._parked_threads():
            try:
                self._inject(tid, way=HELPER_THREAD)
            except RefusedError as exc:
                refusal = exc
            else:
                return None
        if not self.injections:
            try:
                self._inject(self._pid)
            except RefusedError as exc:
                return exc
            return None
        return refusal

    def _inject(self, tid: int, *, way: str = "") -> None:
        injection = self._injector.inject(tid, way=way)
        self.injections.append(injection)
        self.last_ns = time.perf_counter_ns()
        self._selector.register(injection.sock, selectors.EVENT_READ, injection)

    def _parked_threads(self) -> list[int]:
        """Threads that seem to sleep where they may be made to start a thread."""
        parked = []
        for tid in thread_ids(self._pid):
            with contextlib.suppress(OSError):
                call = waits_in(self._pid, tid)
                if call is not None and syscall_state(call[0], call[2]).can_start_thread:
                    parked.append(tid)
        return parked

    def _wait(self, timeout_s: float) -> tuple[Injection, int] | None:
        for key, _ in self._selector.select(timeout_s):
            answered_ns = time.perf_counter_ns()
            injection: Injection = key.data
            said = injection.sock.recv(_DATAGRAM_BYTES_MAX)
            if said == READY:
                return injection, answered_ns
            if not said:
                self._selector.unregister(injection.sock)
                raise self._closed()
            raise TargetError(
                f"the agent does not start in process {self._pid}:"
                f" {said.decode('utf-8', 'replace')}"
            )
        return None

    def close(self, *, but: Injection | None = None) -> None:
        """All sockets but one."""
        self._selector.close()
        for injection in self.injections:
            if injection is not but:
                injection.sock.close()

    def _closed(self) -> TargetError:
        try:
            state = read_status(self._pid).state
        except OSError:
            state = "Z"
        if state in "ZX":
            return TargetError(
                f"process {self._pid} ended while leakhunt attached to it",
                hint="start it again and attach while it runs",
            )
        return TargetError(
            f"process {self._pid} closed leakhunt's connection at once",
            hint="it may have become another program, or closed all descriptors; try again",
        )

    def _silent(self, timeout_s: float) -> TargetError:
        where = "; ".join(f"{i.way} from {i.state}" for i in self.injections)
        return TargetError(
            f"process {self._pid} ran nothing of ours in {timeout_s:g} s ({where})",
            hint="a C call holds the interpreter's lock, or the main thread runs C code;"
            " attach when it runs Python code, or wait longer",
        )
