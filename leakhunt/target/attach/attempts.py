"""Inject, wait for the sign of life, try again in another way where it stays away."""

from __future__ import annotations

import contextlib
import selectors
import time
from collections.abc import Callable

from leakhunt.errors import TargetError
from leakhunt.target.attach.door import READY
from leakhunt.target.attach.inject import HELPER_THREAD, Injection, RefusedError
from leakhunt.target.attach.procfs import thread_ids, waits_in
from leakhunt.target.attach.registers import syscall_state
from leakhunt.target.process_table import read_entry

_PATIENCE_S = 0.25
_RETRY_S = 0.02
_DATAGRAM_BYTES_MAX = 64 << 10

Inject = Callable[[int, str], Injection]
"""Injects into one thread, in one way or (empty) in the way that its state asks for."""


class Attempts:
    """Injections into one process until one of them shows life.

    Each has its own socket: a text that runs late, after another one won, finds its socket
    closed and ends.
    """

    def __init__(self, pid: int, inject: Inject, *, can_retry: bool = True) -> None:
        self._pid = pid
        self._inject_once = inject
        self._can_retry = can_retry
        self._selector = selectors.DefaultSelector()
        self.injections: list[Injection] = []
        """All that were made."""
        self.last_ns = 0
        """When the last one was done (``perf_counter_ns``)."""
        self._kept: Injection | None = None

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
            if self._can_retry:
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
        injection = self._inject_once(tid, way)
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
            reason = said.decode("utf-8", "replace").removeprefix("RuntimeError: ")
            raise TargetError(
                f"the agent does not start in process {self._pid}: {reason}",
                hint="end the other leakhunt if there is one; an agent lets go of a client that"
                " was silent for a minute",
            )
        return None

    def keep(self, winner: Injection) -> None:
        """Leave this one's socket open."""
        self._kept = winner

    def close(self) -> None:
        """All sockets but the one to keep."""
        self._selector.close()
        for injection in self.injections:
            if injection is not self._kept:
                injection.sock.close()

    def _closed(self) -> TargetError:
        entry = read_entry(self._pid)
        if entry is None or entry.is_dead:
            return TargetError(
                f"process {self._pid} ended while leakhunt attached to it",
                hint="start it again and attach while it runs",
            )
        return TargetError(
            f"process {self._pid} closed leakhunt's connection at once",
            hint="it may have become another program, or closed all descriptors; try again",
        )

    def _silent(self, timeout_s: float) -> TargetError:
        entry = read_entry(self._pid)
        if entry is not None and entry.state == "T":
            return TargetError(
                f"process {self._pid} was stopped while leakhunt attached to it",
                hint=f"let it go on first: kill -CONT {self._pid}",
            )
        where = "; ".join(f"{i.way} from {i.state}" for i in self.injections)
        return TargetError(
            f"process {self._pid} ran nothing of ours in {timeout_s:g} s ({where})",
            hint="a C call holds the interpreter's lock, or the main thread runs C code;"
            " attach when it runs Python code, or wait longer",
        )
