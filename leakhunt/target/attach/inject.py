"""One injection: in one short stop, make what the text needs in the target and have it run.

The text runs in a thread of its own, which waits for the interpreter's lock like any other.
Two ways lead to it.  A thread that sleeps in a system call in which it can hold no lock of the
C library starts that *helper thread* at once.  Any other gets a *pending call*, which starts it
when the interpreter is at its next safe point.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import os
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from leakhunt.errors import TargetError
from leakhunt.target.attach import registers, seccomp, stub
from leakhunt.target.attach.deferred_signals import deferred_signals
from leakhunt.target.attach.door import Descriptor, Door, TextSource, describe, framed
from leakhunt.target.attach.draft import Draft
from leakhunt.target.attach.identify import EntryPoints
from leakhunt.target.attach.libc import pidfd_getfd, write_at
from leakhunt.target.attach.library import Delivery
from leakhunt.target.attach.memory import Memory
from leakhunt.target.attach.ptrace import StoppedThread
from leakhunt.target.attach.registers import ThreadState

_PROT_READ_EXEC = 5
_MAP_PRIVATE_ANONYMOUS = 0x22
_SOCKET_KIND = socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC
_MFD_CLOEXEC = 1
_F_DUPFD_CLOEXEC = 1030
_STANDARD_STREAMS = 3
_PAGE_BYTES_MAX = 256 << 10

PENDING_CALL = "pending call"
HELPER_THREAD = "helper thread"


class RefusedError(TargetError):
    """The target could not take the injection at this moment; another one may do."""


@dataclass(frozen=True, slots=True)
class Injection:
    """What one stop left in the target."""

    sock: socket.socket
    """The tool's end."""
    way: str
    """PENDING_CALL or HELPER_THREAD."""
    state: str
    """Where the thread was."""
    stop_ns: int
    """How long it stood still."""


@dataclass(frozen=True, slots=True)
class Injector:
    """Everything that is known before the stop."""

    pid: int
    inner_pid: int
    """As the target sees itself."""
    pidfd: int
    memory: Memory
    points: EntryPoints
    library: Delivery
    source: TextSource
    has_filter: bool = False
    """Look at each thread's seccomp filters first."""

    def inject(self, tid: int, way: str = "") -> Injection:
        """Into one thread, in the way that its state asks for, or only in the given way.

        Raises RefusedError when the thread's state does not allow it now, TargetError when
        the target is gone or refuses for good.  What was made is undone then.
        """
        looked_ns = self._look_at_filters(tid) if self.has_filter else 0
        thread = self._thread(tid)
        sock, state, used = _undisturbed(
            lambda: self._in_stop(thread, self._draft(), way), lambda made: made[0].close()
        )
        return Injection(sock, used, state.text, looked_ns + thread.stop_ns)

    def _thread(self, tid: int) -> StoppedThread:
        return StoppedThread(self.pid, tid, self.memory, self.points.syscall_instruction)

    def _draft(self) -> Draft | None:
        """Filled in once, so that little is done for the first time in the stop.  None where the
        library is brought along: its path is known only then."""
        if not self.library.path:
            return None
        draft = Draft.of(
            self.inner_pid, self.library.path, self.source, self.points.address_by_name
        )
        draft.page(Descriptor(0, 0, 0), ours=0, result=0, is_pending=True)
        return draft

    def _look_at_filters(self, tid: int) -> int:
        """A stop that only reads the filters; they are judged after it."""
        thread = self._thread(tid)

        def read() -> list[seccomp.Filter]:
            with thread:
                return seccomp.read_filters(thread)

        deadly = seccomp.deadly_calls(_undisturbed(read, lambda _: None))
        if deadly:
            raise TargetError(
                f"the seccomp filter of process {self.pid} would end it for {deadly[0]}",
                hint="prepare the program instead: python -m leakhunt.agent",
            )
        return thread.stop_ns

    def _in_stop(
        self, thread: StoppedThread, draft: Draft | None, wished: str
    ) -> tuple[socket.socket, ThreadState, str]:
        with contextlib.ExitStack() as on_failure:
            with thread, contextlib.ExitStack() as undo:
                state = registers.thread_state(thread.original)
                way = HELPER_THREAD if state.can_start_thread else PENDING_CALL
                if wished not in {"", way}:
                    raise RefusedError(f"thread {thread.tid} is in {state.text}: no {wished} there")
                sock = self._hand_over(thread, draft, way, undo, on_failure)
            on_failure.pop_all()
        return sock, state, way

    def _hand_over(
        self,
        thread: StoppedThread,
        draft: Draft | None,
        way: str,
        undo: contextlib.ExitStack,
        on_failure: contextlib.ExitStack,
    ) -> socket.socket:
        """Make what the text needs, and have it run; our end of the socket pair."""
        made = _Made(self, thread, undo)
        with contextlib.ExitStack() as undo_ours:
            pair = made.socket_pair(undo_ours)
            on_failure.callback(pair.sock.close)
            theirs = describe(self.pidfd, pair.theirs)
            is_pending = way == PENDING_CALL
            if draft is not None:
                code = draft.page(
                    theirs, ours=pair.ours, result=thread.results, is_pending=is_pending
                )
            else:
                door = Door(self.inner_pid, theirs, *made.library(self.library))
                code = stub.assemble(
                    framed(door, self.source).encode(),
                    self.points.address_by_name,
                    ours=pair.ours,
                    result=thread.results,
                    is_pending=is_pending,
                )
            page = made.page(code)
            # From here on the text may run: what it was given is its own to undo.  Our end is
            # closed first of all, and its number may be another descriptor's after that.
            steps_back = undo.pop_all()
            undo_ours.pop_all()
        result = ctypes.c_int32(thread.call(page, page)).value
        if result:
            steps_back.close()
            raise self._refusal(result, way)
        return pair.sock

    def _refusal(self, result: int, way: str) -> TargetError:
        """Why the target did not take it."""
        if result == stub.NOT_INITIALIZED:
            return TargetError(
                f"the interpreter of process {self.pid} is starting or ending",
                hint="attach while the program runs",
            )
        if way == HELPER_THREAD:
            return TargetError(
                f"process {self.pid} cannot start a thread: {os.strerror(result)}",
                hint="is its limit of processes (ulimit -u, pids.max) or of memory reached?",
            )
        return RefusedError(
            f"process {self.pid} has too many pending calls",
            hint="it is busy in C code; try again when it runs Python code",
        )


def take_over(pid: int, pidfd: int, fd: int) -> socket.socket:
    """A duplicate of the target's socket.  Raises TargetError."""
    try:
        return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=pidfd_getfd(pidfd, fd))
    except OSError as exc:
        raise TargetError(
            f"a descriptor of process {pid} cannot be taken over: {exc.strerror}",
            hint="needed are Linux 5.6 and, in a container, --cap-add SYS_PTRACE",
        ) from exc


class _Pair(NamedTuple):
    """A socket pair in the target, and the tool's duplicate of one end."""

    theirs: int
    ours: int
    sock: socket.socket


@dataclass(frozen=True, slots=True)
class _Made:
    """Makes things in the stopped target and writes down how to undo each."""

    injector: Injector
    thread: StoppedThread
    undo: contextlib.ExitStack

    def socket_pair(self, undo_ours: contextlib.ExitStack) -> _Pair:
        """No path and no listener: nobody else can connect."""
        thread = self.thread
        self._syscall(registers.SYS_SOCKETPAIR, socket.AF_UNIX, _SOCKET_KIND, 0, thread.results)
        ours, theirs = struct.unpack("<ii", self.injector.memory.read(thread.results, 8))
        undo_ours.callback(self._undo, registers.SYS_CLOSE, ours)
        theirs = self._away_from_standard_streams(theirs)
        sock = take_over(self.injector.pid, self.injector.pidfd, ours)
        return _Pair(theirs, ours, sock)

    def library(self, delivery: Delivery) -> tuple[str, Descriptor]:
        """A file in memory with the library: the path to load it from, and what it is."""
        thread = self.thread
        self.injector.memory.write(thread.results, delivery.name.encode() + b"\0")
        fd = self._syscall(registers.SYS_MEMFD_CREATE, thread.results, _MFD_CLOEXEC)
        fd = self._away_from_standard_streams(fd)
        copy = pidfd_getfd(self.injector.pidfd, fd)
        try:
            write_at(copy, 0, delivery.image)
        finally:
            os.close(copy)
        return f"{delivery.folder}{fd}", describe(self.injector.pidfd, fd)

    def page(self, code: bytes) -> int:
        """Address of a mapping with the stub and the text; the stub unmaps it."""
        assert len(code) <= _PAGE_BYTES_MAX
        size = stub.page_bytes(code)
        page = self._syscall(
            registers.SYS_MMAP, 0, size, _PROT_READ_EXEC, _MAP_PRIVATE_ANONYMOUS, -1, 0
        )
        self.undo.callback(self._undo, registers.SYS_MUNMAP, page, size)
        try:
            self.injector.memory.write(page, code)
        except OSError as exc:
            raise TargetError(
                f"the kernel does not let leakhunt write to executable memory: {exc.strerror}",
                hint="boot without proc_mem.force_override=never, or prepare the program:"
                " python -m leakhunt.agent",
            ) from exc
        return page

    def _away_from_standard_streams(self, fd: int) -> int:
        """A daemon that closed 0, 1 and 2 must not print into our descriptor."""
        if fd < _STANDARD_STREAMS:
            low = fd
            fd = self._syscall(registers.SYS_FCNTL, low, _F_DUPFD_CLOEXEC, _STANDARD_STREAMS)
            self._undo(registers.SYS_CLOSE, low)
        self.undo.callback(self._undo, registers.SYS_CLOSE, fd)
        return fd

    def _undo(self, number: int, *args: int) -> None:
        """A step back; where the target is gone there is nothing to undo."""
        with contextlib.suppress(OSError, TargetError):
            self.thread.syscall(number, *args)

    def _syscall(self, number: int, *args: int) -> int:
        try:
            return self.thread.syscall(number, *args)
        except OSError as exc:
            raise TargetError(
                f"process {self.injector.pid} cannot make what an attach needs"
                f" (system call {number}): {exc.strerror}",
                hint=_HINT_BY_ERRNO.get(exc.errno or 0, ""),
            ) from exc


_HINT_BY_ERRNO = {
    errno.EMFILE: "it has no free descriptor: raise its limit (prlimit --nofile)",
    errno.ENFILE: "the system has no free descriptor",
    errno.ENOMEM: "its limit of memory is reached (prlimit --as, memory.max)",
    errno.EACCES: "its security policy forbids executable memory; use the prepared agent",
    errno.EPERM: "its security policy forbids it; use the prepared agent",
}

T = TypeVar("T")

# Two stops at once would wait for each other's hold of the GIL.
_ONE_STOP_AT_A_TIME = threading.Lock()


def _undisturbed(work: Callable[[], T], discard: Callable[[T], None]) -> T:
    """Run ``work`` in a thread of its own, without signals and without our collector.

    A KeyboardInterrupt can only be raised in the main thread, and the kernel detaches when a
    tracing thread ends: so whatever happens to the tool, the target is let go.  A result that
    an interruption of the tool makes useless is discarded.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        # On a busy machine the tool would lose the processor in the middle of the stop.  Only
        # root may ask for this, and the thread ends with the stop.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        try:
            results.append(work())
        except BaseException as exc:  # noqa: BLE001  raised again by the caller
            failures.append(exc)

    was_enabled = gc.isenabled()
    try:
        with deferred_signals(), _ONE_STOP_AT_A_TIME:
            gc.disable()
            try:
                thread = threading.Thread(target=run, name="leakhunt-attach")
                thread.start()
                thread.join()
            finally:
                if was_enabled:
                    gc.enable()
    except BaseException:
        for result in results:
            discard(result)
        raise
    if failures:
        raise failures[0]
    return results[0]
