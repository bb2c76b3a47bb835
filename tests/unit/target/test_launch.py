from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from leakhunt.errors import TargetError, UsageError
from leakhunt.target.launch import Launched
from leakhunt.target.process_table import read_entry, read_table
from leakhunt.target.readiness import Ready, parse_ready, parse_seconds

SLEEPER = "import time; print('up and ready', flush=True); time.sleep(60)"
LISTENER = (
    "import socket, time; s = socket.create_server(('127.0.0.1', {port})); "
    "print('listening', flush=True); time.sleep(60)"
)
Launch = Callable[..., Launched]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    def start(*command: str, show_output: bool = False) -> Launched:
        return Launched(command, tmp_path / "output.log", show_output=show_output)

    return start


def test_ready_by_a_line(launch: Launch) -> None:
    with launch(sys.executable, "-c", SLEEPER) as program:
        assert program.wait_ready(parse_ready("line:up and"), 60) == program.pid
    assert (program.status, program.was_killed) == (-signal.SIGTERM, False)


def test_ready_by_a_port_behind_a_wrapper(launch: Launch) -> None:
    port = free_port()
    code = LISTENER.format(port=port)
    with launch("/bin/sh", "-c", f'{sys.executable} -c "{code}"; true') as program:
        pid = program.wait_ready(parse_ready(f"port:{port}"), 60)
        assert pid != program.pid
        assert "-c" in Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    assert pid not in read_table()


def test_by_default_the_first_that_listens_is_ready(launch: Launch) -> None:
    with launch(sys.executable, "-c", LISTENER.format(port=0)) as program:
        started = time.monotonic()
        assert program.wait_ready(Ready(), 10) == program.pid
        assert time.monotonic() - started < 4


def test_ready_after_a_delay(launch: Launch) -> None:
    with launch(sys.executable, "-c", SLEEPER) as program:
        started = time.monotonic()
        assert program.wait_ready(parse_ready("delay:300ms"), 10) == program.pid
        assert time.monotonic() - started >= 0.3


def test_a_reloader_is_a_wrapper(launch: Launch, tmp_path: Path) -> None:
    script = tmp_path / "serve.py"
    script.write_text(
        "import os, subprocess, sys, time\n"
        "if os.environ.get('CHILD'): print('child up', flush=True); time.sleep(60)\n"
        "sys.exit(subprocess.call([sys.executable, *sys.argv], env={**os.environ, 'CHILD': '1'}))\n"
    )
    with launch(sys.executable, str(script), "--port", "1") as program:
        pid = program.wait_ready(parse_ready("line:child up"), 10)
        assert pid != program.pid
    assert pid not in read_table()


def test_its_environment_is_ours(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKHUNT_TRIED", "1")
    code = "import os; print(sorted(os.environ), flush=True)"
    with launch(sys.executable, "-c", code) as program:
        with pytest.raises(TargetError):
            program.wait_ready(parse_ready("port:1"), 5)
        seen = set(eval(program.output.read_text()))
    # A coerced locale is the interpreter's own doing, the size pytest's.
    assert seen ^ set(os.environ) <= {"LC_CTYPE", "COLUMNS", "LINES"}


@pytest.mark.parametrize(("code", "status"), [("exit(7)", 7), ("os.kill(os.getpid(), 9)", -9)])
def test_the_number_of_a_program_that_ended_is_kept(
    launch: Launch, monkeypatch: pytest.MonkeyPatch, code: str, status: int
) -> None:
    with launch(sys.executable, "-c", f"import os; {code}") as program:
        deadline = time.monotonic() + 20
        while program.status is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        entry = read_entry(program.pid)
        assert entry is not None
        assert entry.state == "Z"
        assert program.end() == status
        # From now on the number may be somebody else's.
        monkeypatch.setattr(program, "_brood", None)
        assert program.end() == program.status == status


def test_a_program_that_ends_before(launch: Launch) -> None:
    with (
        launch(sys.executable, "-c", "print('no config'); raise SystemExit(7)") as program,
        pytest.raises(TargetError, match="exited with status 7; its last output: no config"),
    ):
        program.wait_ready(parse_ready("port:1"), 10)


def test_a_program_that_went_into_the_background(launch: Launch) -> None:
    with (
        launch("/bin/true") as program,
        pytest.raises(TargetError, match="exited with status 0") as caught,
    ):
        program.wait_ready(parse_ready("port:1"), 10)
    assert "--daemon" in caught.value.hint


def test_a_program_that_is_never_ready(launch: Launch) -> None:
    with launch(sys.executable, "-c", SLEEPER) as program:
        with pytest.raises(TargetError, match=r"not ready after 0\.5 s") as caught:
            program.wait_ready(parse_ready("line:never"), 0.5)
        assert "up and ready" in str(caught.value)
        assert "--ready" in caught.value.hint


@pytest.mark.parametrize("name", ["no-such-program", "./no-such-program", "/etc/passwd", ""])
def test_a_program_that_cannot_be_started(launch: Launch, name: str) -> None:
    with pytest.raises(UsageError, match="the program"):
        launch(name)


def test_ctrl_c_is_passed_on(launch: Launch) -> None:
    code = (
        "import time\n"
        "try:\n    print('up', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt: print('stopping', flush=True); raise SystemExit(3)"
    )
    program = launch(sys.executable, "-c", code)
    program.wait_ready(parse_ready("line:up"), 60)
    with pytest.raises(KeyboardInterrupt), program:
        raise KeyboardInterrupt
    assert program.status == 3
    assert program.output.read_text() == "up\nstopping\n"


def test_one_that_will_not_end_is_killed(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leakhunt.target.launch.END_GRACE_S", 0.3)
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up', flush=True); time.sleep(60)"
    )
    with launch(sys.executable, "-c", code) as program:
        program.wait_ready(parse_ready("line:up"), 60)
    assert (program.status, program.was_killed) == (-signal.SIGKILL, True)


WITH_OWN_SESSION = (
    "import subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)\n"
    "print('up', flush=True); {end}"
)
CHILD = (
    "import os, signal, sys, time\n"
    "def say(*_): open({note!r}, 'a').write('term '); {then}\n"
    "signal.signal(signal.SIGTERM, say)\n"
    "open({note!r}, 'w').write(f'{{os.getpid()}} '); time.sleep(60)"
)


@pytest.mark.parametrize(
    ("then", "end", "status", "said"),
    [
        ("sys.exit()", "time.sleep(60)", -signal.SIGTERM, "term "),
        ("time.sleep(60)", "time.sleep(60)", -signal.SIGTERM, "term "),
        ("sys.exit()", "time.sleep(1); sys.exit(3)", 3, "term "),
    ],
    ids=["goes when asked", "is killed", "outlived who started it"],
)
def test_a_child_with_a_session_of_its_own_ends_with_the_program(
    launch: Launch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    then: str,
    end: str,
    status: int,
    said: str,
) -> None:
    monkeypatch.setattr("leakhunt.target.launch.END_GRACE_S", 2)
    note = tmp_path / "note"
    child = CHILD.format(note=str(note), then=then)
    code = WITH_OWN_SESSION.format(child=child, end=end)
    with launch(sys.executable, "-c", code) as program:
        program.wait_ready(parse_ready("line:up"), 60)
        while not note.exists() or not note.read_text().strip():
            time.sleep(0.01)
        time.sleep(1.5 if status == 3 else 0)
    pid, _, signals = note.read_text().partition(" ")
    assert int(pid) not in read_table()
    assert (program.status, program.was_killed, signals) == (status, "sleep" in then, said)


@pytest.mark.parametrize("is_outside", [False, True], ids=["its group", "another session"])
def test_who_is_ended_by_its_parent_is_not_asked_twice(
    launch: Launch, tmp_path: Path, is_outside: bool
) -> None:
    note = tmp_path / "note"
    child = CHILD.format(note=str(note), then="time.sleep(0.5); sys.exit()")
    code = (
        "import signal, subprocess, sys, time\n"
        f"command = [sys.executable, '-c', {child!r}]\n"
        f"one = subprocess.Popen(command, start_new_session={is_outside})\n"
        "def end(*_): one.terminate(); one.wait(); sys.exit(5)\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)"
    )
    with launch(sys.executable, "-c", code) as program:
        program.wait_ready(parse_ready("line:up"), 60)
        while not note.exists():
            time.sleep(0.01)
    assert (program.status, program.was_killed) == (5, False)
    assert note.read_text().endswith(" term ")
    assert note.read_text().count("term") == 1


def test_a_shell_that_waits_for_its_child_is_not_waited_for(
    launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leakhunt.target.launch.END_GRACE_S", 20.0)
    monkeypatch.setattr("leakhunt.target.brood.PATIENCE_S", 0.3)
    note = tmp_path / "note"
    child = tmp_path / "child.py"
    child.write_text("print('up', flush=True)\n" + CHILD.format(note=str(note), then="sys.exit()"))
    line = f"trap 'exit 4' TERM; {sys.executable} {child}; exit 5"
    with launch("/bin/sh", "-c", line) as program:
        program.wait_ready(parse_ready("line:up"), 60)
        while not note.exists() or not note.read_text().strip():
            time.sleep(0.01)
    assert (program.status, program.was_killed) == (4, False)
    assert note.read_text().endswith(" term ")


def test_its_output_is_passed_on(launch: Launch, capfd: pytest.CaptureFixture[str]) -> None:
    code = SLEEPER + "; print('never')"
    with launch(sys.executable, "-c", code, show_output=True) as program:
        program.wait_ready(parse_ready("line:up"), 60)
    assert capfd.readouterr() == ("", "up and ready\n")


@pytest.mark.parametrize(
    "text", ["", "port", "port:", "port:0", "port:x", "port:99999", "line:(", "delay:x", "smoke:1"]
)
def test_bad_signs_of_readiness(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_ready(text)
    assert caught.value.hint


def test_times() -> None:
    texts = ("2", "2s", "500ms", "1.5m", "1h")
    assert [parse_seconds(text) for text in texts] == [2, 2, 0.5, 90, 3600]
