"""Runs inside a target: what a program notices of a capture by fork, which is nothing.

``PYTHON -I fork_program.py AGENT.so SCENARIO [FOLDER]``: standard library only.  Each scenario
raises AssertionError when something is not as it should be; the last line says ``done``.

A child that writes into a full pipe stays until the pipe is read: so it can be looked at.
"""

# As little as possible is imported in a target.
# ruff: noqa: PTH116, PTH118, PTH123, PTH208
from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import os
import resource
import signal
import socket
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.agent.agent_loader import header, load

AGENT = load(sys.argv[1])
FOLDER = sys.argv[3] if len(sys.argv) > 3 else ""
HEADER = header()
KEPT = [{"number": i, "text": f"text {i}"} for i in range(20_000)]
PATIENCE_S = 30.0
PEER_LIMIT_S = 0.05


def children() -> list[int]:
    """The children of all threads, ours included."""
    found: list[int] = []
    for thread in os.listdir("/proc/self/task"):
        with (
            contextlib.suppress(FileNotFoundError),  # the thread has ended
            open(f"/proc/self/task/{thread}/children", encoding="ascii") as file,
        ):
            found += map(int, file.read().split())
    return found


def until(condition: Callable[[], Any]) -> Any:
    """What the condition says once it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := condition()):
        assert time.monotonic() < deadline, condition
        time.sleep(0.001)
    return answer


def descriptors_of(pid: int) -> list[str]:
    return os.listdir(f"/proc/{pid}/fd")


def name_of(pid: int) -> str:
    with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()


def size_of(path: str) -> int:
    return os.stat(path).st_size


def error_of(capture: Callable[[], Any]) -> OSError:
    """What a capture that cannot be taken raises."""
    try:
        capture()
    except OSError as exc:
        return exc
    raise AssertionError("it was taken")


class Held:
    """A capture whose child cannot end before :meth:`release`."""

    def __init__(self) -> None:
        self.out, self.into = os.pipe()
        self.answer: Any = None
        self.thread = threading.Thread(target=self.capture, daemon=True)
        self.thread.start()
        self.child: int = until(children)[0]
        until(lambda: name_of(self.child) == "leakhunt")  # it has settled in
        if os.geteuid() == 0:  # others may not look into a process that never dumps core
            assert len(descriptors_of(self.child)) == 1

    def capture(self) -> None:
        try:
            self.answer = AGENT.capture_to(self.into, HEADER, mode="fork")
        except OSError as exc:
            self.answer = exc

    def is_alive(self) -> bool:
        try:
            with open(f"/proc/{self.child}/stat", encoding="ascii") as file:
                return file.read().rpartition(")")[2].split()[0] not in "ZX"
        except FileNotFoundError:
            return False

    def release(self) -> bytes:
        """All that the child writes, when it has ended."""
        if self.into >= 0:
            os.close(self.into)
        with open(self.out, "rb") as file:
            written = file.read()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
        assert children() == []
        return written


@contextlib.contextmanager
def held() -> Iterator[Held]:
    capture = Held()
    yield capture
    assert capture.is_alive(), "the child ended before it was looked at"
    written = capture.release()
    assert written.endswith(b"\nPAEHKL\x98")
    assert capture.answer["mode"] == "fork"
    assert capture.answer["file_bytes"] == len(written)


# ---- the same heap ----


def same() -> None:
    """The state is frozen between the two captures: only which of them runs differs."""
    jobs = []
    for mode in ("in-process", "fork"):
        path = os.path.join(FOLDER, mode + ".lkheap")
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        jobs.append(partial(AGENT.capture_to, descriptor, HEADER, False, 1000, False, mode))
    first, second = jobs
    gc.collect()
    gc.disable()
    # on one line, and the result of the first is no value on the stack while the second runs
    first(); second()  # fmt: skip  # noqa: E702
    first_id, second_id = id(first), id(second)
    print(first_id, second_id, *(id(job.args) for job in jobs))


# ---- nobody waits for it ----


def unseen() -> None:
    seen = []
    signal.signal(signal.SIGCHLD, lambda *_: seen.append(1))
    with held() as capture:
        for wait in (os.wait, partial(os.waitpid, -1, os.WNOHANG), partial(os.waitpid, 0, 0)):
            try:
                wait()
            except ChildProcessError:
                pass
            else:
                raise AssertionError(wait)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
        pid = os.fork()
        if pid == 0:
            os._exit(5)
        assert os.waitpid(-1, 0) == (pid, 5 << 8)
        assert capture.is_alive()
    assert len(seen) == 1, seen


def ignored() -> None:
    """A program that ignores SIGCHLD, whose children are reaped by the kernel."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with held():
        pass


def reaped_by_others() -> None:
    """A program that reaps whatever there is."""
    wait_for_all = 0x40000000  # __WALL
    with held() as capture:
        reaper = threading.Thread(target=os.waitpid, args=(-1, wait_for_all))
        reaper.start()
        assert capture.is_alive()
    reaper.join(PATIENCE_S)


def forked_meanwhile() -> None:
    """A worker that is forked during a capture can be captured itself."""
    path = os.path.join(FOLDER, "worker.lkheap")
    with held():
        pid = os.fork()
        if pid == 0:
            AGENT.capture(path, HEADER, mode="fork")
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert size_of(path) > 0


# ---- what it holds ----


def peer() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    for _ in range(5):
        client = socket.create_connection(server.getsockname(), timeout=PATIENCE_S)
        connection, _ = server.accept()
        with held():
            closed = time.monotonic()
            connection.close()
            assert client.recv(1) == b""
            assert time.monotonic() - closed < PEER_LIMIT_S
        client.close()
    server.close()


def reused() -> None:
    """All descriptors closed and their numbers used again, while the child writes."""
    with held() as capture:
        os.closerange(3, capture.out)
        os.closerange(capture.out + 1, 200)
        with contextlib.ExitStack() as stack:
            paths = [os.path.join(FOLDER, f"own{i}") for i in range(10)]
            files = [stack.enter_context(open(path, "wb", buffering=0)) for path in paths]
            assert capture.into in [file.fileno() for file in files]
            capture.into = -1  # it is another file by now
    assert [size_of(path) for path in paths] == [0] * len(paths)


def closed_before() -> None:
    """The descriptor is somebody else's by now: not a byte is written."""
    path = os.path.join(FOLDER, "victim")
    victim = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    os.close(victim)
    for mode in ("fork", "in-process"):
        error = error_of(partial(AGENT.capture_to, victim, HEADER, mode=mode))
        assert error.errno == errno.EBADF
    assert size_of(path) == 0


def private() -> None:
    """The child copies nothing: its own pages stay few, however many objects there are."""
    objects = [(i, str(i)) for i in range(150_000)]
    out, into = os.pipe()
    most = [0, 0]

    def sample(child: int) -> int:
        with open(f"/proc/{child}/smaps_rollup", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file if ":" in line and "-" not in line)
        return int(lines["Private_Dirty"].split()[0]) * 1024

    def drain() -> None:
        child: int = until(children)[0]
        while block := os.read(out, 1 << 16):
            most[1] += len(block)
            if most[1] >> 16 & 7 == 0:
                with contextlib.suppress(OSError, KeyError):
                    most[0] = max(most[0], sample(child))

    thread = threading.Thread(target=drain)
    thread.start()
    answer = AGENT.capture_to(into, HEADER, mode="fork")
    os.close(into)
    thread.join()
    assert len(objects) * 3 < answer["nodes"]
    print(most[0], answer["nodes"])


# ---- how it ends ----


def orphan() -> None:
    """Says which child it has, and waits to be killed."""
    capture = Held()
    print(capture.child, flush=True)
    time.sleep(PATIENCE_S)


def deaf() -> None:
    """Signals that the program's own handlers would take do nothing to the child."""
    caught: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP, signal.SIGRTMIN)
    for number in numbers:
        signal.signal(number, lambda n, _: caught.append(n))
    with held() as capture:
        for number in numbers:
            os.kill(capture.child, number)
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.05)
    assert caught == [signal.SIGUSR1]
    for number, error in ((signal.SIGALRM, errno.ETIMEDOUT), (signal.SIGKILL, errno.ENOMEM)):
        capture = Held()
        with open(f"/proc/{capture.child}/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file)
        assert (
            int(status["SigBlk"], 16)
            == ~(1 << signal.SIGALRM - 1)
            & ~(1 << signal.SIGKILL - 1 | 1 << signal.SIGSTOP - 1)
            & (1 << 64) - 1
        )
        with open(f"/proc/{capture.child}/oom_score_adj", encoding="ascii") as file:
            assert file.read().strip() == "1000"
        os.kill(capture.child, number)
        capture.release()
        assert capture.answer.errno == error, capture.answer
        assert "child" in str(capture.answer)


def patient() -> None:
    """Nobody reads what the child writes: the kernel ends it at its deadline."""
    capture = Held()
    started = time.monotonic()
    capture.thread.join(120)
    assert capture.answer.errno == errno.ETIMEDOUT
    assert 50 < time.monotonic() - started < 90
    path = os.path.join(FOLDER, "again.lkheap")
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    answer = AGENT.capture_to(descriptor, HEADER, mode="auto")
    assert "failed before" in answer["why"]
    assert AGENT.capture_to(descriptor, HEADER, mode="fork")["mode"] == "fork"


def full() -> None:
    """One error and no file."""
    path = os.path.join(FOLDER, "full.lkheap")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, resource.RLIM_INFINITY))
    is_enabled = gc.isenabled()
    for mode in ("fork", "in-process"):
        error = error_of(partial(AGENT.capture, path, HEADER, mode=mode))
        assert error.errno == errno.EFBIG, error
        assert error.filename == os.fsencode(path)
        assert os.listdir(FOLDER) == []
        assert gc.isenabled() == is_enabled
    device = os.open("/dev/full", os.O_WRONLY)
    error = error_of(partial(AGENT.capture_to, device, HEADER, mode="fork"))
    assert error.errno == errno.ENOSPC
    os.fstat(device)  # the caller's: still open
    assert children() == []


def busy() -> None:
    """Two captures at once would mark births in no order."""
    path = os.path.join(FOLDER, "second.lkheap")
    with held():
        assert error_of(partial(AGENT.capture, path, HEADER)).errno == errno.EBUSY
        assert os.listdir(FOLDER) == []


def locked() -> None:
    """Other threads hold locks of malloc at the moment of the fork."""
    stop = threading.Event()
    data = os.urandom(1 << 16)

    def work() -> None:
        while not stop.is_set():
            zlib.compress(data, 1)  # without the GIL, with its own memory

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    path = os.path.join(FOLDER, "locked.lkheap")
    for i in range(30):
        if i == 15:
            tracemalloc.start()  # it has a lock of its own
        AGENT.capture(path, HEADER, mode="fork")
    tracemalloc.stop()
    stop.set()
    for thread in threads:
        thread.join()


# ---- when there can be no child ----

_PERMIT, _REFUSE = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
_CLONE = 56  # x86-64


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def forbid_clone() -> None:
    """Have the kernel refuse this system call to this process."""
    code = b"".join(
        operation.to_bytes(2, "little") + bytes((yes, no)) + value.to_bytes(4, "little")
        for operation, yes, no, value in (
            (0x20, 0, 0, 0),  # load the number of the call
            (0x15, 0, 1, _CLONE),  # is it clone?
            (0x06, 0, 0, _REFUSE | errno.EPERM),
            (0x06, 0, 0, _PERMIT),
        )
    )
    code_buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(4, ctypes.addressof(code_buffer))
    prctl = ctypes.CDLL(None).prctl
    assert prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert prctl(22, 2, ctypes.byref(program)) == 0  # PR_SET_SECCOMP


def refused(reason: str, change: Callable[[], Any] = lambda: None) -> None:
    """The capture is there nevertheless, and says why it was not by fork."""
    path = os.path.join(FOLDER, "refused.lkheap")
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    change()
    answer = AGENT.capture_to(descriptor, HEADER, mode="fork")
    assert answer["mode"] == "in-process", answer
    assert reason in answer["why"], answer
    assert reason.encode() in os.pread(descriptor, 2048, answer["file_bytes"] - 2048)


def filtered() -> None:
    refused("seccomp", forbid_clone)


def too_many() -> None:
    def change() -> None:
        os.setuid(65534)
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

    refused("RLIMIT_NPROC", change)


def elsewhere() -> None:
    new_pid_namespace = 0x20000000
    assert ctypes.CDLL(None).unshare(new_pid_namespace) == 0
    refused("PID namespace")


def without_room() -> None:
    refused("no room")


def chosen() -> None:
    """`auto` takes the smaller of the two predictions, and says what both were."""
    path = os.path.join(FOLDER, "chosen.lkheap")
    answers = []
    for _ in range(3):
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        answers.append(AGENT.capture_to(descriptor, HEADER, mode="auto"))
        os.close(descriptor)
    owned = bytearray(1 << 29)  # one object
    owned[::4096] = b"x" * (len(owned) // 4096)
    for mode in ("fork", "auto"):
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        answers.append(AGENT.capture_to(descriptor, HEADER, mode=mode))
        os.close(descriptor)
    for answer in answers:
        assert answer["predicted_walk_ns"] > 0
        assert answer["predicted_fork_ns"] > 0
        shorter = answer["predicted_fork_ns"] < answer["predicted_walk_ns"]
        assert answer is answers[3] or answer["mode"] == ("fork" if shorter else "in-process")
        assert (answer["why"] == "") == (answer["mode"] == "fork")
    assert answers[0]["mode"] == "fork"
    assert answers[4]["predicted_fork_ns"] > 3 * answers[2]["predicted_fork_ns"]


def untraced() -> None:
    """A capture by fork leaves nothing behind."""
    path = os.path.join(FOLDER, "trace.lkheap")
    AGENT.capture(path, HEADER, mode="fork")

    def state() -> tuple[Any, ...]:
        with open("/proc/self/status", encoding="ascii") as file:
            signals = [
                line for line in file if line.startswith(("SigBlk", "SigIgn", "SigCgt", "Threads"))
            ]
        return signals, descriptors_of(os.getpid()), gc.isenabled(), children()

    def mappings() -> int:
        with open("/proc/self/maps", encoding="ascii") as file:
            return sum(1 for _ in file)

    before, mapped = state(), mappings()
    for _ in range(20):
        AGENT.capture(path, HEADER, mode="fork")
    assert state() == before
    assert mappings() < mapped + 10  # the interpreter takes and returns arenas meanwhile


def main() -> None:
    scenarios: dict[str, Callable[[], None]] = {
        function.__name__: function
        for function in (
            same, unseen, ignored, reaped_by_others, forked_meanwhile, peer, reused,
            closed_before, private, orphan, deaf, patient, full, busy, locked, filtered, too_many,
            elsewhere, without_room, chosen, untraced,
        )
    }  # fmt: skip
    scenarios[sys.argv[2]]()
    print("done")


if __name__ == "__main__":
    main()
