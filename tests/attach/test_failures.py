"""What goes wrong in the middle of an attach: one clear error, and the target goes on."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from leakhunt.errors import TargetError, UsageError
from leakhunt.target.attach import open_channel
from leakhunt.target.attach.door import Descriptor, describe
from tests.attach.conftest import StartProgram, closing

InTheStop = Callable[[Callable[[], object]], None]

SLEEPS = "print('ready', flush=True); import sys; sys.stdin.read(); print('done')"
SPINS = "print('ready', flush=True)\nwhile True: pass"
COMPUTES = """
import hashlib, threading, os, zlib, itertools, ctypes, time
reader, writer = os.pipe()
threading.Thread(target=os.read, args=(reader, 1), daemon=True).start()
time.sleep(0.1)
print('ready', flush=True)
{work}
time.sleep(0.5)
print('done')
"""
# Five seconds of C code that gives up the interpreter's lock, and that keeps it.
UNLOCKED = "hashlib.pbkdf2_hmac('sha256', b'', b'', 4_000_000)"
FULL = """
call = ctypes.pythonapi.Py_AddPendingCall
nothing = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda _: 0)
full = map(call, itertools.repeat(nothing, 40), itertools.repeat(None))
sum(itertools.chain(full, range(150_000_000)))
"""


@pytest.fixture
def target(start: StartProgram) -> subprocess.Popen[str]:
    return start(sys.executable, "-I", "-c", SLEEPS)


def descriptors(pid: int) -> set[str]:
    return {entry.name for entry in Path(f"/proc/{pid}/fd").iterdir()}


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def expect_done(process: subprocess.Popen[str]) -> None:
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("done\n", "", 0)


def test_an_error_of_the_text_is_told(target: subprocess.Popen[str], library: Path) -> None:
    with pytest.raises(TargetError, match=r"does not start.*ZeroDivisionError: division by zero"):
        open_channel(target.pid, library, source=lambda fd, path: "1 / 0")
    expect_done(target)


def test_a_text_that_exits_does_not_end_the_target(
    target: subprocess.Popen[str], library: Path
) -> None:
    with pytest.raises(TargetError, match="SystemExit: 3"):
        open_channel(target.pid, library, source=lambda fd, path: "raise SystemExit(3)")
    expect_done(target)


def test_a_text_that_is_no_python(target: subprocess.Popen[str], library: Path) -> None:
    with pytest.raises(TargetError, match="SyntaxError"):
        open_channel(target.pid, library, source=lambda fd, path: "if")
    expect_done(target)


@pytest.fixture
def in_the_stop(monkeypatch: pytest.MonkeyPatch) -> InTheStop:
    """Has something done while the target stands still."""

    def arrange(act: Callable[[], object]) -> None:
        def acting(pidfd: int, fd: int) -> Descriptor:
            act()
            return describe(pidfd, fd)

        monkeypatch.setattr("leakhunt.target.attach.inject.describe", acting)

    return arrange


def test_a_failure_of_the_tool_in_the_stop_is_undone(
    target: subprocess.Popen[str], library: Path, in_the_stop: InTheStop
) -> None:
    before = descriptors(target.pid)

    def fail() -> None:
        raise RuntimeError("bad luck")

    in_the_stop(fail)
    with pytest.raises(RuntimeError, match="bad luck"):
        open_channel(target.pid, library, source=closing)
    assert descriptors(target.pid) == before
    expect_done(target)


def test_an_interrupt_of_the_tool_waits_for_the_target(
    target: subprocess.Popen[str], library: Path, in_the_stop: InTheStop
) -> None:
    stopped_in: list[str] = []

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        stopped_in.append(Path(f"/proc/{target.pid}/status").read_text())

    in_the_stop(interrupt)
    with pytest.raises(KeyboardInterrupt):
        open_channel(target.pid, library, source=closing)
    assert "t (tracing stop)" in stopped_in[0]
    assert "TracerPid:\t0" in Path(f"/proc/{target.pid}/status").read_text()
    expect_done(target)


def test_a_target_that_is_killed_in_the_stop(
    target: subprocess.Popen[str], library: Path, in_the_stop: InTheStop
) -> None:
    in_the_stop(lambda: os.kill(target.pid, signal.SIGKILL))
    with pytest.raises(TargetError, match=f"process {target.pid} ended"):
        open_channel(target.pid, library, source=closing)
    assert target.wait(timeout=60) == -signal.SIGKILL


def test_a_target_that_exits_in_the_middle(target: subprocess.Popen[str], library: Path) -> None:
    with pytest.raises(TargetError, match=f"process {target.pid} ended"):
        open_channel(target.pid, library, source=lambda fd, path: "import os; os._exit(7)")
    assert target.wait(timeout=60) == 7


def test_a_target_that_becomes_another_program(
    target: subprocess.Popen[str], library: Path
) -> None:
    text = "import posix; posix.execv('/bin/sleep', ['sleep', '2'])"
    with pytest.raises(TargetError, match=r"closed leakhunt's connection|became another"):
        open_channel(target.pid, library, source=lambda fd, path: text)
    assert target.wait(timeout=60) == 0


def test_a_target_that_is_not_our_child_and_ends(library: Path, in_the_stop: InTheStop) -> None:
    # Its own parent must hear of its end.
    code = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}],"
    code += " stdin=subprocess.PIPE)\nprint(p.pid, flush=True); print(p.wait(), flush=True)"
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert parent.stdout.readline() == "ready\n"

    in_the_stop(lambda: os.kill(pid, signal.SIGKILL))
    with pytest.raises(TargetError, match=f"process {pid} ended"):
        open_channel(pid, library, source=closing)
    assert parent.communicate(timeout=60)[0] == "-9\n"


def test_a_signal_in_the_stop_arrives_after_it(
    start: StartProgram, library: Path, in_the_stop: InTheStop
) -> None:
    code = "import signal, time; signal.signal(10, lambda *_: print('signal'))\n" + SLEEPS
    process = start(sys.executable, "-I", "-c", code)

    in_the_stop(lambda: os.kill(process.pid, signal.SIGUSR1))
    open_channel(process.pid, library, source=closing).sock.close()
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("signal\ndone\n", "", 0)


def test_a_stop_of_the_target_in_the_stop_is_kept(
    target: subprocess.Popen[str], library: Path, in_the_stop: InTheStop
) -> None:
    time.sleep(0.1)  # It sleeps now: a helper thread answers at once

    in_the_stop(lambda: os.kill(target.pid, signal.SIGSTOP))
    # The helper thread may be quicker than the signal.
    with contextlib.suppress(TargetError):
        open_channel(target.pid, library, source=closing, timeout_s=0.5).sock.close()
    time.sleep(0.1)
    assert "State:\tT (stopped)" in Path(f"/proc/{target.pid}/status").read_text()
    os.kill(target.pid, signal.SIGCONT)
    expect_done(target)


def test_a_target_that_is_stopped_before_it_answers(
    start: StartProgram, library: Path, in_the_stop: InTheStop
) -> None:
    process = start(sys.executable, "-I", "-c", SPINS)

    in_the_stop(lambda: os.kill(process.pid, signal.SIGSTOP))
    with pytest.raises(TargetError, match=r"was stopped|is stopped by SIGSTOP") as caught:
        open_channel(process.pid, library, source=closing, timeout_s=0.2)
    assert caught.value.hint == f"let it go on first: kill -CONT {process.pid}"


def test_no_free_descriptor(target: subprocess.Popen[str], library: Path) -> None:
    count = len(descriptors(target.pid))
    old = resource.prlimit(target.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(target.pid, resource.RLIMIT_NOFILE, (count, old[1]))
    with pytest.raises(TargetError, match="Too many open files") as caught:
        open_channel(target.pid, library, source=closing)
    assert "prlimit --nofile" in caught.value.hint
    resource.prlimit(target.pid, resource.RLIMIT_NOFILE, old)
    expect_done(target)


def test_no_free_memory(target: subprocess.Popen[str], library: Path) -> None:
    before = descriptors(target.pid)
    old = resource.prlimit(target.pid, resource.RLIMIT_AS)
    resource.prlimit(target.pid, resource.RLIMIT_AS, (4096, old[1]))
    with pytest.raises(TargetError, match="Cannot allocate memory") as caught:
        open_channel(target.pid, library, source=closing)
    assert "prlimit --as" in caught.value.hint
    assert descriptors(target.pid) == before
    resource.prlimit(target.pid, resource.RLIMIT_AS, old)
    expect_done(target)


CLOSES_ITS_STREAMS = """
import os
print('ready', flush=True)
end = os.dup(0)
os.close(0), os.close(1), os.close(2)
os.read(end, 1)
for n in 0, 1, 2:
    try:
        os.fstat(n)
        os._exit(9)
    except OSError:
        pass
"""


def test_standard_streams_that_were_closed_stay_closed(start: StartProgram, library: Path) -> None:
    process = start(sys.executable, "-I", "-c", CLOSES_ITS_STREAMS)
    time.sleep(0.1)
    channel = open_channel(process.pid, library, source=lambda fd, path: f"KEEP = {fd}")
    channel.sock.close()
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_pending_call_that_waits_is_overtaken_by_a_helper_thread(
    start: StartProgram, library: Path
) -> None:
    process = start(sys.executable, "-I", "-c", COMPUTES.format(work=UNLOCKED))
    time.sleep(0.1)

    def telling(fd: int, path: str) -> str:
        return "import posix\nposix.write(2, b'once')\n" + closing(fd, path)

    channel = open_channel(process.pid, library, source=telling)
    channel.sock.close()
    assert channel.facts.way == "helper thread"
    assert len(channel.facts.stop_ns) == 2
    # The pending call comes late, and finds that nobody is there.
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("done\n", "once", 0)


def test_a_full_queue_of_pending_calls(start: StartProgram, library: Path) -> None:
    process = start(sys.executable, "-I", "-c", COMPUTES.format(work=FULL))
    time.sleep(0.05)
    channel = open_channel(process.pid, library, source=closing, timeout_s=60)
    channel.sock.close()
    assert channel.facts.way == "helper thread"
    expect_done(process)


def test_nobody_answers_in_time(start: StartProgram, library: Path) -> None:
    code = "import ctypes; print('ready', flush=True); ctypes.PyDLL(None).usleep(1500000)\n"
    process = start(sys.executable, "-I", "-c", code + "print('done')")
    time.sleep(0.05)
    with pytest.raises(TargetError, match=r"ran nothing of ours in 0\.3 s") as caught:
        open_channel(process.pid, library, source=closing, timeout_s=0.3)
    assert "holds the interpreter's lock" in caught.value.hint
    expect_done(process)


def test_an_unknown_method(library: Path) -> None:
    with pytest.raises(UsageError, match="unknown method 'magic'"):
        open_channel(1, library, source=closing, method="magic")


FORKS = """
import hashlib, os, threading, time
def fork():
    time.sleep(0.3)
    pid = os.fork()
    if pid == 0:
        for _ in range(100): time.sleep(0.01)
        there = [f'/proc/self/fd/{fd}' for fd in range(64)]
        there = [os.readlink(path) for path in there if os.path.lexists(path)]
        os._exit(7 if 'socket' in str(there) else 0)
    print('child', os.waitpid(pid, 0)[1], flush=True)
thread = threading.Thread(target=fork)
print('ready', flush=True)
thread.start()
hashlib.pbkdf2_hmac('sha256', b'', b'', 2_000_000)
thread.join()
"""


def test_a_child_that_is_forked_meanwhile_does_not_answer(
    python: Path, start: StartProgram, library: Path
) -> None:
    process = start(python, "-I", "-W", "ignore", "-c", FORKS)
    time.sleep(0.1)

    def telling(fd: int, path: str) -> str:
        return f"import posix\nposix.write(2, b'%d' % posix.getpid())\nposix.close({fd})\n"

    open_channel(process.pid, library, source=telling).sock.close()
    out, err = process.communicate(timeout=60)
    assert (out, err) == ("child 0\n", str(process.pid))


WAITS_FOR_ITS_CHILD = """
import os, sys
print('ready', flush=True)
opens = [(os.POSIX_SPAWN_OPEN, 9, sys.argv[1], os.O_RDONLY, 0)]
pid = os.posix_spawn('/bin/true', ['true'], {}, file_actions=opens)
print('done' if os.waitpid(pid, 0)[1] == 0 else 'failed')
"""


def test_a_thread_that_cannot_be_stopped(
    start: StartProgram, library: Path, tmp_path: Path
) -> None:
    # A parent in vfork hears no tracer before its child has become a program.
    os.mkfifo(tmp_path / "fifo")
    process = start(sys.executable, "-I", "-c", WAITS_FOR_ITS_CHILD, tmp_path / "fifo")
    status = Path(f"/proc/{process.pid}/status")
    wait_until(lambda: "State:\tD" in status.read_text())
    turns: list[float] = []
    is_over = threading.Event()

    def take_turns() -> None:
        while not is_over.wait(0.01):
            turns.append(time.monotonic())

    other = threading.Thread(target=take_turns)
    other.start()
    with pytest.raises(TargetError, match=f"thread {process.pid} .* cannot be stopped in 2 s"):
        open_channel(process.pid, library, source=closing)
    is_over.set()
    other.join()
    assert len(turns) > 3, "the tool's other threads stood still"
    assert "TracerPid:\t0" in status.read_text()
    (tmp_path / "fifo").write_text("")
    expect_done(process)
