"""What stands against an attach is found beforehand, and named with its remedy."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from leakhunt.errors import TargetError
from leakhunt.target.attach import Preflight, check, open_channel, preflight, rights
from leakhunt.target.attach.procfs import ProcessStatus, read_status
from tests.attach.conftest import StartProgram, closing

NOBODY = 65534
CAP_SYS_PTRACE, CAP_SYS_ADMIN = 19, 21
ALLOW, ERRNO = 0x7FFF0000, 0x50000
LIBC = ctypes.CDLL(None, use_errno=True)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")

READY = "import time; print('ready', flush=True); time.sleep(30)"


@contextlib.contextmanager
def child(prepare: Callable[[], object], *, ends: bool = False) -> Iterator[int]:
    """A fork of this very interpreter that does something to itself, then sleeps."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            prepare()
            os.write(writer, b"x")
            if not ends:
                time.sleep(60)
        finally:
            os._exit(0)
    os.read(reader, 1)
    os.close(reader)
    os.close(writer)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def seen_by(prepare: Callable[[], object], pid: int) -> Preflight:
    """What ``check`` says in a process that did something to itself before."""
    reader, writer = os.pipe()
    forked = os.fork()
    if forked == 0:
        try:
            prepare()
            os.write(writer, pickle.dumps(check(pid)))
        except BaseException:
            os.write(writer, pickle.dumps(traceback.format_exc()))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        data = file.read()
    os.waitpid(forked, 0)
    found = pickle.loads(data)
    assert isinstance(found, Preflight), found
    return found


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def prctl(option: int, *args: int) -> None:
    words = [ctypes.c_ulong(arg) for arg in (*args, 0, 0, 0, 0)][:4]
    assert LIBC.prctl(option, *words) == 0, os.strerror(ctypes.get_errno())


def drop_capability(number: int) -> None:
    """Leaves root without one capability, as in a container."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    assert LIBC.capget(header, data) == 0
    for word in (0, 1):
        data[word] &= ~(1 << number)
    assert LIBC.capset(header, data) == 0


def filter_calls(action: int, *numbers: int) -> None:
    """Have seccomp answer some system calls with ``action``, and allow all others."""
    code = [(0x20, 0, 0, 0)]  # The number of the call
    for left, number in zip(range(len(numbers), 0, -1), numbers, strict=True):
        code.append((0x15, left, 0, number))
    code += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, action)]
    packed = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in code))
    program = (ctypes.c_uint64 * 2)(len(code), ctypes.addressof(packed))
    prctl(38, 1)
    prctl(22, 2, ctypes.addressof(program))


def only(found: Preflight) -> rights.Obstacle:
    assert not found.is_ready
    (obstacle,) = found.obstacles
    assert obstacle.hint
    with pytest.raises(TargetError) as caught:
        found.require()
    assert (str(caught.value), caught.value.hint) == (obstacle.message, obstacle.hint)
    return obstacle


def test_a_process_that_can_be_attached_to(python: Path, start: StartProgram) -> None:
    process = start(python, "-I", "-c", READY)
    time.sleep(0.1)
    found = check(process.pid)
    assert found.is_ready
    found.require()
    assert found.identity is not None
    version = subprocess.check_output([python, "-V"], text=True).split()[1]
    assert found.identity.version_text == version
    ask = "import os; print(os.confstr('CS_GNU_LIBC_VERSION'))"
    libc = subprocess.check_output([python, "-I", "-c", ask], text=True).strip()
    assert found.identity.libc == libc
    assert not found.identity.is_debug
    assert not found.identity.is_free_threaded
    assert Path(found.identity.executable).samefile(f"/proc/{process.pid}/exe")
    assert (found.state, found.way) == ("system call clock_nanosleep", "helper thread")


def test_no_such_process() -> None:
    assert "no process 99999999" in only(check(99999999)).message


@pytest.mark.parametrize("pid", [0, -1])
def test_no_pid_at_all(pid: int) -> None:
    assert only(check(pid)).name == "no-process"


def test_leakhunt_itself() -> None:
    assert "leakhunt itself" in only(check(os.getpid())).message


def test_a_thread_is_no_process(start: StartProgram) -> None:
    code = (
        f"import threading, time; threading.Thread(target=time.sleep, args=(9,)).start(); {READY}"
    )
    process = start(sys.executable, "-c", code)
    (tid,) = {int(e.name) for e in Path(f"/proc/{process.pid}/task").iterdir()} - {process.pid}
    assert only(check(tid)).hint == f"give the PID {process.pid}"


def test_another_program() -> None:
    with subprocess.Popen(["/bin/sleep", "30"]) as process:
        time.sleep(0.05)
        obstacle = only(check(process.pid))
        process.kill()
    assert obstacle.name == "not-python"
    assert "sleep" in obstacle.message


def test_a_zombie() -> None:
    with child(lambda: None, ends=True) as pid:
        time.sleep(0.05)
        assert only(check(pid)).name == "zombie"


def test_a_stopped_process() -> None:
    with child(lambda: None) as pid:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.05)
        assert only(check(pid)).hint == f"let it go on first: kill -CONT {pid}"


def test_a_traced_process() -> None:
    with child(lambda: None) as pid, child(lambda: LIBC.ptrace(0x4206, pid, 0, 0)) as tracer:
        assert f"traced by process {tracer}" in only(check(pid)).message


@as_root
def test_another_user() -> None:
    with child(lambda: None) as pid:
        obstacle = only(seen_by(become_nobody, pid))
    assert obstacle.name == "other-user"
    assert "belongs to user root, leakhunt runs as user nobody" in obstacle.message
    assert "sudo" in obstacle.hint


@as_root
def test_root_without_the_capability() -> None:
    with child(become_nobody) as pid:
        obstacle = only(seen_by(lambda: drop_capability(CAP_SYS_PTRACE), pid))
    assert "--cap-add SYS_PTRACE" in obstacle.hint


@as_root
def test_a_process_that_is_not_dumpable() -> None:
    def protect() -> None:
        become_nobody()
        prctl(4, 0)

    with child(protect) as pid:
        obstacle = only(seen_by(become_nobody, pid))
        assert check(pid).is_ready  # Root may
    assert obstacle.name == "not-dumpable"


@as_root
def test_the_same_user_may() -> None:
    def become_dumpable() -> None:
        become_nobody()
        prctl(4, 1)

    with child(become_dumpable) as pid:
        assert seen_by(become_nobody, pid).is_ready


@as_root
def test_a_seccomp_filter_that_cannot_be_read_can_be_forced() -> None:
    with child(lambda: filter_calls(ALLOW)) as pid:
        found = seen_by(lambda: drop_capability(CAP_SYS_ADMIN), pid)
    obstacle = only(found)
    assert obstacle.name == "seccomp"
    assert obstacle.can_be_forced
    found.require(force=True)


@as_root
@pytest.mark.parametrize("action", [ALLOW, ERRNO | 1])
def test_a_seccomp_filter_that_does_not_kill(action: int, library: Path) -> None:
    with child(lambda: filter_calls(action, 101, 102)) as pid:
        assert check(pid).is_ready
        open_channel(pid, library, source=closing).sock.close()


@as_root
@pytest.mark.parametrize("action", [0, 0x80000000, 0x30000, 0x7FF00000])
def test_a_seccomp_filter_that_would_kill(action: int, library: Path) -> None:
    with child(lambda: filter_calls(action, 101, 53)) as pid:
        with pytest.raises(TargetError, match="would end it for socketpair") as caught:
            open_channel(pid, library, source=closing, force=True)
        assert "python -m leakhunt.agent" in caught.value.hint
        assert read_status(pid).state in "RS"


@as_root
def test_a_user_attaches_to_a_process_of_its_own(library: Path) -> None:
    def become_dumpable() -> None:
        become_nobody()
        prctl(4, 1)

    def attach() -> None:
        become_nobody()
        open_channel(pid, copy, source=closing).sock.close()

    with tempfile.TemporaryDirectory() as folder, child(become_dumpable) as pid:
        Path(folder).chmod(0o755)
        copy = Path(folder) / "_heap.so"
        copy.write_bytes(library.read_bytes())
        assert seen_by(attach, pid).is_ready


def test_an_ignored_fault_signal() -> None:
    with child(lambda: signal.signal(signal.SIGSEGV, signal.SIG_IGN)) as pid:
        assert "ignores SIGSEGV" in only(check(pid)).message


@pytest.mark.parametrize(
    ("scope", "words", "remedy"),
    [
        ("1", "only a parent may trace", "sudo sysctl kernel.yama.ptrace_scope=0"),
        ("2", "only root may trace", "sudo"),
        ("3", "until the next boot", "boot again"),
    ],
)
def test_yama(tmp_path: Path, scope: str, words: str, remedy: str) -> None:
    target, own = _statuses(tmp_path)
    folder = tmp_path / "sys/kernel/yama"
    folder.mkdir(parents=True)
    (folder / "ptrace_scope").write_text(f"{scope}\n")
    obstacle = rights.explain_refusal(target, own, tmp_path)
    assert obstacle.name == "yama"
    assert words in obstacle.message
    assert remedy in obstacle.hint
    assert "python -m leakhunt.agent" in obstacle.hint


def test_more_capabilities_than_ours(tmp_path: Path) -> None:
    target, own = _statuses(tmp_path)
    target = replace(target, permitted_capabilities=1)
    assert rights.explain_refusal(target, own, tmp_path).name == "capabilities"


@pytest.mark.parametrize("capabilities", [0, 1 << CAP_SYS_PTRACE])
def test_a_security_module(tmp_path: Path, capabilities: int) -> None:
    target, own = _statuses(tmp_path)
    own = replace(own, effective_capabilities=capabilities)
    assert rights.explain_refusal(target, own, tmp_path).name == "forbidden"


def _statuses(tmp_path: Path) -> tuple[ProcessStatus, ProcessStatus]:
    """A target and leakhunt of one user without capabilities, below a made-up ``/proc``."""
    me = os.getuid()
    own = replace(
        read_status(os.getpid()),
        uids=(me,) * 4,
        gids=(me,) * 4,
        effective_capabilities=0,
        permitted_capabilities=0,
    )
    if me == 0:  # Root without the capability is told something else
        own = replace(own, uids=(NOBODY,) * 4, gids=(NOBODY,) * 4)
    target = replace(own, pid=4711)
    (tmp_path / "4711").mkdir()
    (tmp_path / "4711" / "stat").touch()
    if me == 0:
        os.chown(tmp_path / "4711" / "stat", NOBODY, NOBODY)
    return target, own


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"hexversion": 0}, "too-old"),
        ({"hexversion": 0x030A0DF0}, "too-old"),
        ({"hexversion": 0x030F0AF0}, "too-new"),
        ({"is_debug": True}, "debug"),
        ({"is_free_threaded": True}, "free-threaded"),
        ({"is_x86_64": False}, "machine"),
        ({"libc": "musl"}, "libc"),
        ({"libc": ""}, "libc"),
    ],
)
def test_an_interpreter_that_is_not_known(
    start: StartProgram, change: dict[str, object], name: str
) -> None:
    identity = check(start(sys.executable, "-c", READY).pid).identity
    assert identity is not None
    (obstacle,) = preflight._of_interpreter(replace(identity, **change))  # type: ignore[arg-type]
    assert obstacle.name == name
    assert "CPython 3.11 to 3.14" in obstacle.hint


def test_a_shadow_stack() -> None:
    status = replace(read_status(os.getpid()), has_shadow_stack=True)
    (obstacle,) = preflight._of_protection(status, filters_are_read=True)
    assert "x86_shstk=off" in obstacle.hint


def test_strict_seccomp_cannot_be_forced() -> None:
    (obstacle,) = preflight._of_protection(
        replace(read_status(os.getpid()), seccomp=1), filters_are_read=True
    )
    assert not obstacle.can_be_forced


def test_an_older_python(start: StartProgram) -> None:
    pyenv = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))) / "versions"
    older = next(iter(sorted(pyenv.glob("3.10.*/bin/python3"))), None)
    if older is None:
        pytest.skip("no CPython 3.10 here")
    obstacle = only(check(start(older, "-I", "-c", READY).pid))
    assert obstacle.message.endswith("runs a CPython older than 3.11")
