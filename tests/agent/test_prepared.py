"""Prepared processes: found by their number, served one after the other, as they were after."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from leakhunt.agent.prepared import socket_name
from leakhunt.errors import TargetError
from leakhunt.store.reader import open_snapshot
from leakhunt.target.answers import Mark
from leakhunt.target.connection import AgentConnection
from leakhunt.target.interpreter import Interpreter
from leakhunt.target.prepared import connect_prepared, find_socket
from leakhunt.target.process_table import read_entry
from leakhunt.target.reach import reach_process
from tests.agent.served import Target
from tests.agent.test_server import header

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def package(tmp_path: Path, agent: Path) -> Path:
    """A folder to import ``leakhunt.agent`` from: nothing else of leakhunt, as a small
    production image would have it."""
    folder = tmp_path / "site"
    shutil.copytree(ROOT / "leakhunt/agent", folder / "leakhunt/agent",
                    ignore=shutil.ignore_patterns("*.so", "native", "__pycache__"))  # fmt: skip
    shutil.copy(ROOT / "leakhunt/__init__.py", folder / "leakhunt")
    shutil.copy(agent, folder / "leakhunt/agent/_heap.so")
    return folder


@pytest.fixture
def runtime_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Short: the path of a Unix socket must be."""
    with tempfile.TemporaryDirectory(prefix="lkh-", dir="/tmp") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


@pytest.fixture
def target(python: Interpreter, agent: Path, package: Path, runtime_dir: Path) -> Iterator[Target]:
    """Told to prepare itself."""
    with Target(python, agent, "-W", "always") as target:
        target.run(f"sys.path.insert(0, {str(package)!r}); import leakhunt.agent")
        target.run("place = leakhunt.agent.start()")
        yield target


class Program:
    """A program of the test, run to its end or killed."""

    def __init__(self, python: Interpreter, *arguments: str | Path, path: Path) -> None:
        self.process = subprocess.Popen(
            [str(python.path), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Not the folder of this checkout: -m puts the current one first on the path.
            cwd=path,
            env={**os.environ, "PYTHONPATH": str(path)},
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> tuple[int, str, str]:
        out, errors = self.process.communicate(timeout=30)
        return self.process.returncode, out, errors


def connect(pid: int, **options: bool) -> AgentConnection:
    sock = connect_prepared(pid)
    assert sock is not None
    return AgentConnection(sock, pid, **options)


def test_a_prepared_process_is_found_and_served(target: Target, tmp_path: Path) -> None:
    before = target.run("", "sorted(sys.modules)")
    for number in range(3):
        with connect(target.pid) as connection:
            hello = connection.hello()
            assert (hello.pid, hello.threads, hello.is_prepared) == (target.pid, 1, True)
            assert hello.library.endswith("_heap.so")
            connection.birth_start()
            path = tmp_path / f"{number}.lkheap"
            connection.capture(path, header())
            assert open_snapshot(path).heap_count > 1000
    assert target.run("", "sorted(sys.modules)") == before


def test_a_prepared_process_is_reached_without_an_attach(target: Target) -> None:
    entry = read_entry(target.pid)
    assert entry is not None
    reached = reach_process(target.pid, entry.start_ticks)
    with reached.agent:
        assert (reached.way, reached.stop_ns) == ("the agent that it prepared", 0)
        version = target.run("import platform", "platform.python_version()")
        assert reached.python["version"] == version
        assert reached.python["executable"] == target.run("", "os.path.realpath(sys.executable)")
    with pytest.raises(TargetError, match="another one has its number now"):
        reach_process(target.pid, entry.start_ticks + 1)


def test_the_socket_is_its_owner_s_alone(target: Target, runtime_dir: Path) -> None:
    found = find_socket(target.pid)
    assert found is not None
    place = Path(found)
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert place.stat().st_mode & 0o777 == 0o600
    assert target.run("", "place") == str(runtime_dir / "leakhunt" / place.name)
    # Where others may put something, nothing is found and nothing is made.
    (runtime_dir / "leakhunt").chmod(0o770)
    assert find_socket(target.pid) is None
    assert connect_prepared(target.pid) is None


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/usr/bin/python3").exists(),
    reason="only root can become somebody else, who needs a Python that all can read",
)
def test_another_user_is_turned_away(target: Target, runtime_dir: Path) -> None:
    """Also where the folder's mode lets them come so far."""
    found = find_socket(target.pid)
    assert found is not None
    place = Path(found)
    for path, mode in ((runtime_dir, 0o755), (place.parent, 0o755), (place, 0o666)):
        path.chmod(mode)
    code = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "s.connect(sys.argv[1]); s.settimeout(10)\n"
        "try: s.send(bytes([1] + [0] * 15)); print(s.recv(99))\n"
        "except OSError: print(b'')"
    )
    path_there = str(runtime_dir / "leakhunt" / place.name)
    answer = subprocess.check_output(
        ["/usr/bin/python3", "-I", "-c", code, path_there], user=65534, cwd="/", text=True
    )
    assert answer == "b''\n"
    place.parent.chmod(0o700)
    with connect(target.pid) as connection:
        connection.hello()


def test_a_listener_that_is_another_process_is_refused(
    python: Interpreter, agent: Path, runtime_dir: Path
) -> None:
    (runtime_dir / "leakhunt").mkdir(mode=0o700)
    with (
        Target(python, agent) as target,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as false_agent,
    ):
        entry = read_entry(target.pid)
        assert entry is not None
        name = socket_name(target.pid, entry.start_ticks)
        false_agent.bind(str(runtime_dir / "leakhunt" / name))
        false_agent.listen()
        with pytest.raises(TargetError, match=f"listens process {os.getpid()}"):
            connect_prepared(target.pid)


def test_a_folder_of_others_is_not_used(
    python: Interpreter, agent: Path, package: Path, runtime_dir: Path
) -> None:
    (runtime_dir / "leakhunt").mkdir(mode=0o755)
    with Target(python, agent) as target:
        target.run(f"sys.path.insert(0, {str(package)!r}); import leakhunt.agent")
        place = target.run("place = leakhunt.agent.start()", "place")
        assert place.startswith(f"/tmp/leakhunt-{os.geteuid()}/")
        assert find_socket(target.pid) is not None
        assert target.end() == (0, "")
    assert not Path(place).exists()


def test_a_second_client_is_told_to_come_later(target: Target) -> None:
    with connect(target.pid) as first:
        first.hello()
        with (
            connect(target.pid) as second,
            pytest.raises(TargetError, match="another client is connected"),
        ):
            second.hello()
        assert first.measure().threads == 1
    with connect(target.pid) as third:
        third.hello()


def test_start_and_stop_leave_nothing(target: Target, runtime_dir: Path) -> None:
    assert target.run("again = leakhunt.agent.start()", "again == place")
    assert target.tasks() == ["leakhunt"]
    target.run("leakhunt.agent.stop(); leakhunt.agent.stop()")
    assert target.tasks() == []
    assert list((runtime_dir / "leakhunt").iterdir()) == []
    assert not any("socket" in place for place in target.descriptors().values())
    assert connect_prepared(target.pid) is None
    target.run("leakhunt.agent.start()")
    with connect(target.pid) as connection:
        connection.birth_start()
        target.run("leakhunt.agent.stop()")
        with pytest.raises(TargetError, match="ended the connection"):
            connection.measure()


def test_the_socket_goes_with_the_process(target: Target, runtime_dir: Path) -> None:
    assert target.end() == (0, "")
    assert list((runtime_dir / "leakhunt").iterdir()) == []
    assert connect_prepared(target.pid) is None


def test_the_socket_of_a_killed_process_is_removed_by_the_next(
    target: Target, python: Interpreter, agent: Path, package: Path, runtime_dir: Path
) -> None:
    target.process.kill()
    target.process.wait()
    assert len(list((runtime_dir / "leakhunt").iterdir())) == 1
    assert connect_prepared(target.pid) is None
    with Target(python, agent) as other:
        other.run(f"sys.path.insert(0, {str(package)!r}); import leakhunt.agent")
        other.run("leakhunt.agent.start()")
        names = [path.name for path in (runtime_dir / "leakhunt").iterdir()]
        assert [name.split("-")[0] for name in names] == [str(other.pid)]


def test_a_fork_is_not_warned_of_while_nobody_is_connected(target: Target) -> None:
    for _ in range(20):
        target.run("pid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)")
    with connect(target.pid) as connection:
        connection.hello()
    target.run("import subprocess; subprocess.run(['true'], preexec_fn=os.getpid)")
    with connect(target.pid) as connection:
        connection.hello()
    assert target.end() == (0, "")


def test_a_forked_child_is_not_prepared_until_it_says_so(target: Target) -> None:
    target.run(
        "r, w = os.pipe(); pid = os.fork()\n"
        "if pid == 0:\n"
        "    tasks = len(os.listdir('/proc/self/task'))\n"
        "    fds = [os.readlink(f'/proc/self/fd/{n}') for n in range(3, 20)\n"
        "           if os.path.exists(f'/proc/self/fd/{n}')]\n"
        "    leakhunt.agent.start()\n"
        "    os.write(w, repr((os.getpid(), tasks, any('socket' in f for f in fds))).encode())\n"
        "    time.sleep(60); os._exit(0)"
    )
    child, tasks, has_socket = target.run("", "eval(os.read(r, 999))")
    try:
        assert (tasks, has_socket) == (1, False)
        with connect(child) as of_child, connect(target.pid) as of_parent:
            assert of_child.hello().pid == child
            assert of_parent.hello().pid == target.pid
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_program_that_closes_all_descriptors_is_not_prepared_any_more(target: Target) -> None:
    target.run("os.closerange(3, 100); kept = [os.dup(0) for _ in range(20)]")
    deadline = time.monotonic() + 10
    while target.tasks() != []:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert connect_prepared(target.pid) is None
    assert target.end() == (0, "")


@pytest.fixture
def wakers(target: Target) -> list[int]:
    """The two ends of what wakes the thread that awaits a client: they follow the listener."""
    target.run("leakhunt.agent.stop()")
    before = target.descriptors()
    target.run("leakhunt.agent.start()")
    _, *wakers = sorted(target.descriptors().keys() - before.keys(), key=int)
    assert len(wakers) == 2
    return [int(number) for number in wakers]


def test_a_deadly_sigpipe_does_not_end_a_program_that_closed_our_descriptors(
    target: Target, wakers: list[int]
) -> None:
    target.run("import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)")
    with connect(target.pid) as connection:
        connection.hello()
        target.run(f"os.close({wakers[0]}); leakhunt.agent.stop()")
        with pytest.raises(TargetError, match="ended the connection"):
            connection.measure()
    assert target.tasks() == []
    assert target.end() == (0, "")


@pytest.mark.parametrize("end", [0, 1])
def test_a_program_that_closed_one_of_our_descriptors_is_let_alone(
    target: Target, wakers: list[int], end: int
) -> None:
    """The thread does not spin on what hung up: it ends."""
    target.run(f"os.close({wakers[end]})")
    deadline = time.monotonic() + 10
    while target.tasks() != []:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert target.run("", "time.process_time()") < 2
    target.run("pid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)")
    assert target.end() == (0, "")


def test_mark_of_the_package_reaches_a_prepared_agent(target: Target) -> None:
    target.run("from leakhunt import mark; mark('nobody listens')")
    assert "numpy" not in target.run("", "list(sys.modules)")
    with connect(target.pid, hears_marks=True) as connection:
        connection.hello()
        target.send("mark('loaded')")
        assert connection.events(5) == [Mark("loaded")]
        connection.release()
        target.answer()


def test_mark_of_the_package_reaches_an_attached_agent(
    python: Interpreter, agent: Path, package: Path
) -> None:
    with Target(python, agent) as target:
        target.run(f"sys.path.insert(0, {str(package)!r}); from leakhunt import mark; mark('x')")
        with target.connect(hears_marks=True) as connection:
            connection.hello()
            target.send("mark('loaded')")
            assert connection.events(5) == [Mark("loaded")]
            connection.release()
            target.answer()
        target.run("mark('x')")


CLOCK_AHEAD = """
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    int status = syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME) {
        now->tv_sec += 3600;
    }
    return status;
}
"""


@pytest.mark.skipif("LEAKHUNT_SANITIZED" in os.environ, reason="the target loads a clock instead")
def test_a_wait_at_a_mark_does_not_depend_on_the_time_of_day(
    python: Interpreter,
    agent: Path,
    package: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody sets the clock back by an hour after the program looked at it: a handler of a
    signal runs all the same."""
    (tmp_path / "clock.c").write_text(CLOCK_AHEAD)
    clock = tmp_path / "clock.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", clock, tmp_path / "clock.c"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(clock))
    with Target(python, agent) as target:
        target.run(f"sys.path.insert(0, {str(package)!r}); from leakhunt import mark")
        target.run("import signal; said = []")
        target.run("signal.signal(signal.SIGUSR1, lambda *_: said.append(time.monotonic()))")
        with target.connect(hears_marks=True) as connection:
            connection.hello()
            target.send("mark('loaded'); ended = time.monotonic()", "ended - said[0]")
            assert connection.events(5) == [Mark("loaded")]
            target.process.send_signal(signal.SIGUSR1)
            time.sleep(1)
            connection.release()
            assert target.answer() > 0.5


def test_a_mark_has_a_str_for_a_label() -> None:
    import leakhunt

    leakhunt.mark("here")
    with pytest.raises(TypeError, match="a label is a str, not int"):
        leakhunt.mark(5)  # type: ignore[arg-type]


# --- python -m leakhunt.agent --------------------------------------------------------------------

LOOK = """
import os, sys, json
def shape(x): return repr(x).replace(str(os.getpid()), "PID")
names = {k: shape(v) for k, v in list(globals().items()) if k not in {"shape", "__builtins__"}
         and "0x" not in repr(v)}
print(json.dumps([sorted(names.items()), sys.argv, sys.path[0], __name__ == "__main__",
                  sys.modules["__main__"].__dict__ is globals(), globals().get("__annotations__"),
                  type(__loader__).__name__]))
"""


def run_both(
    python: Interpreter, package: Path, folder: Path, *arguments: str
) -> list[tuple[int, str, str]]:
    """(status, output, errors) of plain Python and of the prepared run."""
    results = []
    for prefix in ((), ("-m", "leakhunt.agent")):
        done = subprocess.run(
            [str(python.path), *prefix, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(package)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        results.append((done.returncode, done.stdout, done.stderr))
    return results


@pytest.mark.parametrize("how", ["file", "module", "package", "folder", "archive"])
def test_a_program_finds_what_it_would_find_without_us(
    python: Interpreter, package: Path, runtime_dir: Path, tmp_path: Path, how: str
) -> None:
    folder = tmp_path / "work"
    (folder / "inner").mkdir(parents=True)
    (folder / "app.py").write_text(LOOK)
    (folder / "inner" / "__main__.py").write_text(LOOK)
    (folder / "inner" / "__init__.py").write_text("")
    shutil.make_archive(str(folder / "packed"), "zip", folder / "inner")
    arguments = {
        "file": ["app.py"],
        "module": ["-m", "app"],
        "package": ["-m", "inner"],
        "folder": ["inner"],
        "archive": ["packed.zip"],
    }[how]
    plain, prepared = run_both(python, package, folder, *arguments, "-x", "--cycles", "3")
    assert plain[0] == 0, plain[2]
    assert prepared == plain
    assert json.loads(plain[1])[1][1:] == ["-x", "--cycles", "3"]


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('no')",
        "def f():\n    return 1 / 0\nf()",
        "import sys; sys.exit(7)",
        "import sys; sys.exit('text')",
        "if",
        "import os; os._exit(3)",
        "import threading; threading.Thread(target=lambda: print('late')).start()",
    ],
)
def test_a_program_ends_as_it_would_end_without_us(
    python: Interpreter, package: Path, runtime_dir: Path, tmp_path: Path, code: str
) -> None:
    (tmp_path / "app.py").write_text(code)
    plain, prepared = run_both(python, package, tmp_path, "app.py")
    assert prepared == plain


def test_a_missing_program_and_the_help(
    python: Interpreter, package: Path, runtime_dir: Path, tmp_path: Path
) -> None:
    _, (status, _, errors) = run_both(python, package, tmp_path, "nothing.py")
    assert (status, errors.splitlines()[-1]) == (
        2, f"leakhunt: can't open file '{tmp_path}/nothing.py': No such file or directory"
    )  # fmt: skip
    _, (status, output, _) = run_both(python, package, tmp_path, "--help")
    assert status == 0
    assert output.startswith("usage: python -m leakhunt.agent")
    with Program(python, "-m", "leakhunt.agent", path=package) as program:
        assert program.end()[0] == 2


def test_a_program_of_ours_is_served_while_it_runs(
    python: Interpreter, package: Path, runtime_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text("print('ready', flush=True)\nimport time; time.sleep(60)")
    run = ("-m", "leakhunt.agent", tmp_path / "app.py")
    with Program(python, *run, path=package) as program:
        assert program.line() == "ready"
        with connect(program.process.pid) as connection:
            connection.self_test()
            assert connection.hello().threads == 1
        program.process.send_signal(signal.SIGINT)
        status, _, errors = program.end()
        assert status == -signal.SIGINT
        assert errors.rstrip().endswith("KeyboardInterrupt")


def test_a_program_goes_on_where_the_agent_cannot_start(
    python: Interpreter, package: Path, runtime_dir: Path, tmp_path: Path
) -> None:
    (package / "leakhunt/agent/_heap.so").unlink()
    (tmp_path / "app.py").write_text("print('runs')")
    _, (status, output, errors) = run_both(python, package, tmp_path, "app.py")
    assert (status, output) == (0, "runs\n")
    assert errors.startswith("leakhunt: the agent cannot start: ")


PTH = (
    'import os; os.environ.get("LEAKHUNT_AGENT") and'
    ' __import__("leakhunt.agent.prepared", fromlist=["x"]).start_if_possible()\n'
)


def test_the_recipe_with_a_pth_file(
    python: Interpreter, package: Path, runtime_dir: Path, tmp_path: Path
) -> None:
    """As in docs/howto/prepared-agent.md."""
    assert PTH in (ROOT / "docs/howto/prepared-agent.md").read_text("utf-8")
    venv = tmp_path / "venv"
    subprocess.run([str(python.path), "-m", "venv", "--without-pip", str(venv)], check=True)
    (site,) = (venv / "lib").glob("python3.*/site-packages")
    shutil.copytree(package / "leakhunt", site / "leakhunt")
    (site / "leakhunt-agent.pth").write_text(PTH)
    code = "import os, sys; print('leakhunt.agent._heap' in sys.modules, os.getpid()); input()"
    for value, expected in (("", "False"), ("1", "True")):
        process = subprocess.Popen(
            [str(venv / "bin/python"), "-c", code],
            env={**os.environ, "LEAKHUNT_AGENT": value},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        try:
            assert process.stdout is not None
            loaded, pid = process.stdout.readline().split()
            assert loaded == expected
            assert (find_socket(int(pid)) is not None) == (expected == "True")
        finally:
            process.communicate("\n", timeout=30)


def test_the_agent_loads_with_nothing_installed() -> None:
    code = "import leakhunt.agent, leakhunt; leakhunt.agent.start; leakhunt.mark('x')"
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_client_that_dies_after_one_that_left(target: Target) -> None:
    with connect(target.pid) as connection:
        connection.birth_start()
    connection = connect(target.pid)
    connection.birth_start()
    sock = connection._socket
    assert sock is not None
    sock.send(b"hostile")
    with pytest.raises(TargetError, match="ended the connection: the client sent what is no"):
        connection.measure()
    with connect(target.pid) as connection:
        assert not connection.hello().has_births
