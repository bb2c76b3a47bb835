"""The connection to an agent that answers inside a live process."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leakhunt.agent import wire
from leakhunt.agent.wire import Flag, Opcode, Status
from leakhunt.errors import TargetError
from leakhunt.target.answers import (
    Answer,
    Births,
    CaptureResult,
    Collection,
    Hello,
    LiveMeasure,
    Mark,
    Rest,
    SitesStarted,
    Trim,
)
from leakhunt.target.probes import Probes
from leakhunt.target.process_table import read_entry

ANSWER_S = 30.0
"""How long an answer may take, the wait for the interpreter lock included."""
WORK_S = 600.0
"""How long a collection or a capture may take once the agent has the lock."""
GOODBYE_S = 10.0
KEEP_ALIVE_S = wire.SILENCE_MS / 1000 / 4
THREAD_END_S = 1.0

_FLAG_BY_MODE = {"in-process": Flag(0), "fork": Flag.FORK, "auto": Flag.AUTO}
_PART = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class AgentConnection:
    """Asks the agent in process ``pid``; a context manager that says goodbye.

    ``sock`` is the tool's end of a Unix socket of type SEQPACKET and is owned from now on.
    ``hears_marks``: the program's calls of ``leakhunt.mark`` come out of `events`, and each
    waits for `release`.  ``answer_s``: how long to wait for the interpreter lock.

    Every method raises TargetError when the target is gone, does not answer in time, or cannot
    do what it is asked; after the first two the connection is closed and the agent puts
    everything back by itself.  May be used by several threads, one command at a time.
    """

    def __init__(
        self,
        sock: socket.socket,
        pid: int,
        *,
        hears_marks: bool = False,
        answer_s: float = ANSWER_S,
    ) -> None:
        self.pid = pid
        self._socket: socket.socket | None = sock
        self._answer_s = answer_s
        self._flags = Flag.EVENTS if hears_marks else Flag(0)
        self._lock = threading.RLock()
        self._marks: deque[Mark] = deque()
        self._unanswered = 0
        self._last_request = time.monotonic()
        self._end_reason = ""
        self._tid = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether commands can be sent."""
        return self._socket is not None

    # --- commands ------------------------------------------------------------------------------

    def hello(self) -> Hello:
        """Who answers.  Comes at once, also while C code holds the interpreter lock."""
        hello = Hello.of(self._ask(Opcode.HELLO, self._flags))
        if hello.version != wire.VERSION:
            raise TargetError(
                f"the agent in process {self.pid} speaks version {hello.version} of the protocol,"
                f" we speak {wire.VERSION} ({hello.library})",
                hint="another version of leakhunt was loaded there: use that one, restart the"
                " program, or attach in spite of it (--method ptrace)",
            )
        self._tid = 0 if hello.is_prepared else hello.tid
        return hello

    def self_test(self) -> None:
        """Prove that the interpreter's layout is the one the agent was built for."""
        self._ask(Opcode.SELF_TEST)

    def prepare(self) -> None:
        """Before the baseline: empty the type cache, learn layouts on sacrificial objects."""
        self._ask(Opcode.PREPARE)

    def birth_start(self, *, finds_lost: bool = True) -> Births:
        """Track births from now on; they end with the connection at the latest."""
        return Births.of(self._ask(Opcode.BIRTH_START, Flag.LOST if finds_lost else Flag(0)))

    def birth_stop(self) -> Rest:
        """End tracking and put back what was touched."""
        return Rest.of(self._ask(Opcode.BIRTH_STOP))

    def sites_start(self, sample_bytes: int = 0) -> SitesStarted:
        """Sample allocations, one for every ``sample_bytes`` on average (0: 524288), until
        `sites_stop` or the end of the connection.  Snapshots carry sites and samples meanwhile.

        Start it before `birth_start` and stop it after `birth_stop`: the hooks are a pile.
        """
        return SitesStarted.of(self._ask(Opcode.SITES_START, number=sample_bytes))

    def sites_stop(self) -> Rest:
        """End sampling and put back what was touched."""
        return Rest.of(self._ask(Opcode.SITES_STOP))

    def measure(self, *, predicts: bool = False) -> LiveMeasure:
        """What a snapshot cannot know of its moment.  Some microseconds of the interpreter lock.

        ``predicts``: also how long either kind of capture would pause the target; the kernel
        needs some milliseconds a GiB to tell, without the lock.
        """
        return LiveMeasure.of(self._ask(Opcode.MEASURE, Flag.PREDICT if predicts else Flag(0)))

    def probes(self, *, keeps: bool = False) -> Probes:
        """Pauses of the collector and delays of event loops since the last reading.

        The first reading begins to listen; it ends with `probes_stop` or the connection.
        ``keeps``: the next reading covers this time too.  Some microseconds of the interpreter
        lock; the event loops are woken up 10 times a second meanwhile.
        """
        return Probes.of(self._ask(Opcode.PROBES, Flag.KEEP if keeps else Flag(0)))

    def probes_stop(self) -> None:
        """End listening and put back what was touched."""
        self._ask(Opcode.PROBES_STOP)

    def trim(self) -> Trim:
        """Have the C library give the memory that it holds free back to the kernel.

        It changes the process (its next allocations take pages anew) and locks the arenas of
        malloc for a while: only when a user asked for it.
        """
        return Trim.of(self._ask(Opcode.TRIM))

    def collect(self, max_pause_ns: int | None = None) -> Collection:
        """One full collection, unless it is expected to take longer than ``max_pause_ns``.

        Finalizers of the program run; a program's ``gc.disable()`` stays in force after it.
        """
        return Collection.of(self._ask(Opcode.COLLECT, number=max_pause_ns or 0))

    def capture(
        self,
        path: Path,
        header: dict[str, Any] | bytes,
        *,
        mark: bool = False,
        mode: str = "auto",
        max_wait_ms: int = 1000,
        redact: bool = False,
        content: bool = False,
    ) -> CaptureResult:
        """Write a snapshot to ``path``: 0600, under a temporary name, renamed when whole.

        The file is opened here and its descriptor lent to the target.  ``mark``: begin a new
        birth epoch at that moment.  ``mode``: ``in-process``, ``fork`` or ``auto``.
        ``content``: write keyed hashes of values, for ``leakhunt waste``.
        """
        flags = _FLAG_BY_MODE[mode]
        flags |= Flag.MARK if mark else Flag(0)
        flags |= Flag.REDACT if redact else Flag(0)
        flags |= Flag.CONTENT if content else Flag(0)
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        part = path.with_name(path.name + ".part")
        descriptor = _open_part(part)
        try:
            answer = self._ask(Opcode.CAPTURE, flags, max_wait_ms, text, descriptor)
            part.replace(path)
        except BaseException as exc:
            with contextlib.suppress(OSError):
                part.unlink()
            if isinstance(exc, OSError):
                raise _cannot_write(path, exc) from exc
            raise
        finally:
            os.close(descriptor)
        return CaptureResult.of(answer, path)

    def release(self) -> None:
        """Let the program go on after the mark that came first out of `events`."""
        self._ask(Opcode.RELEASE)

    def keep_alive(self) -> None:
        """Say that we are still there, when nothing was said for long.

        An agent that hears nothing for a minute ends the connection by itself.
        """
        if time.monotonic() - self._last_request > KEEP_ALIVE_S:
            self.hello()

    def events(self, timeout_s: float = 0.0) -> list[Mark]:
        """Marks of the program: those that came, or the first that comes within ``timeout_s``.

        Keeps the connection alive meanwhile.
        """
        deadline = time.monotonic() + timeout_s
        with self._lock:
            while not self._marks:
                self.keep_alive()
                rest_s = min(deadline - time.monotonic(), KEEP_ALIVE_S)
                self._receive(max(rest_s, 0.0))
                if time.monotonic() >= deadline:
                    break
            marks = list(self._marks)
            self._marks.clear()
        return marks

    def close(self) -> Rest:
        """Have the agent put everything back and leave; says what is left.  Never raises.

        What stays in the target is the mapped library alone: the same threads, descriptors,
        allocators and collector state as before.
        """
        with self._lock:
            if self._socket is None:
                return Rest(restored=False, note=self._end_reason or "it was closed before")
            rest = Rest(
                restored=False,
                note="the agent did not say goodbye; it puts everything back by itself as soon"
                " as it gets the interpreter lock",
            )
            with contextlib.suppress(TargetError):
                rest = Rest.of(self._ask(Opcode.BYE, wait_s=min(GOODBYE_S, self._answer_s)))
            self._drop()
        self._await_thread_end()
        return rest

    # --- the line ------------------------------------------------------------------------------

    def _ask(
        self,
        opcode: Opcode,
        flags: Flag = Flag(0),  # noqa: B008 - a constant
        number: int = 0,
        payload: bytes = b"",
        descriptor: int | None = None,
        *,
        wait_s: float | None = None,
    ) -> Answer:
        """One request and its answer."""
        request = wire.REQUEST.pack(opcode, flags, number) + payload
        if len(request) > wire.REQUEST_BYTES_MAX:
            raise TargetError(f"the request {opcode.name} has {len(request)} bytes, too many")
        with self._lock:
            self._send(request, descriptor)
            deadline = time.monotonic() + (self._answer_s if wait_s is None else wait_s)
            while self._unanswered > 0:
                received = self._receive(max(deadline - time.monotonic(), 0.0))
                if received is None:
                    if time.monotonic() >= deadline:
                        raise self._no_answer(opcode)
                elif received[0] is Status.EVENT:
                    # The agent has the interpreter lock and begins to work.
                    deadline = time.monotonic() + WORK_S
                elif self._unanswered == 0:
                    return self._check(opcode, *received)
        raise TargetError("unreachable")

    def _send(self, request: bytes, descriptor: int | None) -> None:
        sock = self._require()
        sock.settimeout(self._answer_s)
        try:
            if descriptor is None:
                sock.send(request)
            else:
                socket.send_fds(sock, [request], [descriptor])
        except OSError as exc:
            # What it said before it went may still be there to read.
            with contextlib.suppress(TargetError):
                while (said := self._receive(0.0)) is not None:
                    self._end_reason = str(said[1].get("error", ""))
            raise self._gone() from exc
        self._unanswered += 1
        self._last_request = time.monotonic()

    def _receive(self, timeout_s: float) -> tuple[Status, dict[str, Any]] | None:
        """The next datagram, or None when there is none in time; marks go to their queue."""
        data = self._receive_datagram(max(timeout_s, 0.001))
        if data is None:
            return None
        status, members = _parse(data, self.pid)
        if status is Status.EVENT:
            kind = members.get("event")
            if kind == "mark":
                self._marks.append(Mark(str(members.get("label", ""))))
            elif kind == "end":
                self._end_reason = str(members.get("reason", ""))
            return (status, members) if kind == "locked" else None
        self._unanswered = max(0, self._unanswered - 1)
        return status, members

    def _receive_datagram(self, timeout_s: float) -> bytes | None:
        """One datagram, or None when there is none in time."""
        sock = self._require()
        sock.settimeout(timeout_s)
        size = wire.ANSWER_BYTES_MAX + wire.ANSWER.size
        try:
            try:
                data = sock.recv(size)
            except ConnectionResetError:
                # Said once when the other end left a request unread; its last words come after.
                data = sock.recv(size)
        except (TimeoutError, BlockingIOError):
            return None
        except OSError as exc:
            raise self._gone() from exc
        if not data:
            raise self._gone()
        return data

    def _check(self, opcode: Opcode, status: Status, members: dict[str, Any]) -> Answer:
        """The answer, or its error raised."""
        if status is Status.OK:
            return Answer(members)
        has_number = bool(members.get("errno"))
        what = opcode.name.lower().replace("_", " ")
        raise TargetError(
            f"the agent in process {self.pid} cannot {what}: {members.get('error', 'no reason')}",
            hint="free some memory or disk space, or lift the limits (ulimit -a)"
            if has_number
            else None,
        )

    def _no_answer(self, opcode: Opcode) -> TargetError:
        """No answer in time: the connection is of no use any more."""
        self._drop()
        if not _is_alive(self.pid):
            return self._gone()
        if opcode is Opcode.HELLO:
            return TargetError(
                f"the agent in process {self.pid} does not answer",
                hint="is the process stopped (state T)? was it just sent to the background?",
            )
        return TargetError(
            f"process {self.pid} did not let go of its interpreter lock for"
            f" {self._answer_s:g} s: a call into C code holds it",
            hint="try again when that call is over; the agent leaves by itself then",
        )

    def _gone(self) -> TargetError:
        """The other end is closed: why, as far as that is known."""
        self._drop()
        if not _is_alive(self.pid):
            return TargetError(
                f"the target (process {self.pid}) ended",
                hint="what it printed or logged last may say why",
            )
        reason = f": {self._end_reason}" if self._end_reason else ""
        return TargetError(
            f"the agent in process {self.pid} ended the connection{reason}",
            hint="attach again; the program itself goes on",
        )

    def _require(self) -> socket.socket:
        if self._socket is None:
            raise TargetError(f"the connection to process {self.pid} is closed")
        return self._socket

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _await_thread_end(self) -> None:
        """Until the agent's thread is gone, so that the target is as it was when we return.

        In a container its number is another one there, and there is nothing to wait for here.
        """
        deadline = time.monotonic() + THREAD_END_S
        task = f"/proc/{self.pid}/task/{self._tid}"
        while self._tid and os.access(task, os.F_OK) and time.monotonic() < deadline:
            time.sleep(0.001)


def _parse(data: bytes, pid: int) -> tuple[Status, dict[str, Any]]:
    """One datagram of the agent.  Raises TargetError when it is none."""
    try:
        status = Status(wire.ANSWER.unpack_from(data)[0])
        members = json.loads(data[wire.ANSWER.size :].decode("utf-8", "replace"))
        if not isinstance(members, dict):
            raise TypeError(f"a JSON object was expected, not {type(members).__name__}")
    except (ValueError, TypeError, OSError, IndexError, RecursionError) as exc:
        raise TargetError(f"what process {pid} answers is not our protocol: {exc}") from exc
    except Exception as exc:  # struct.error has no base of its own
        raise TargetError(f"what process {pid} answers is too short: {exc}") from exc
    return status, members


def _open_part(part: Path) -> int:
    """A new file for the target to write, 0600 and never a link."""
    try:
        part.unlink(missing_ok=True)
        return os.open(part, _PART, 0o600)
    except OSError as exc:
        raise _cannot_write(part, exc) from exc


def _cannot_write(path: Path, exc: OSError) -> TargetError:
    return TargetError(
        f"the snapshot {path} cannot be written: {exc.strerror or exc}",
        hint="free some space there, or give another directory",
    )


def _is_alive(pid: int) -> bool:
    """Whether the process runs: not gone and not a zombie."""
    entry = read_entry(pid)
    return entry is not None and not entry.is_dead
