from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from leakhunt.errors import NativeBuildError, TargetError
from leakhunt.target import process_native
from leakhunt.target.attach import require_ready
from leakhunt.target.process_native import find_native_agent, native_agent_for_process
from leakhunt.target.process_table import read_entry
from leakhunt.target.reach import no_such_process, reach_process

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def process() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-I", "-c", SLEEPER], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        time.sleep(0.05)
        yield started.pid
        started.kill()


def start_ticks(pid: int) -> int:
    entry = read_entry(pid)
    assert entry is not None
    return entry.start_ticks


def test_reached_and_let_go(process: int) -> None:
    reached = reach_process(process, start_ticks(process))
    assert reached.process["pid"] == process
    assert reached.process["start_ticks"] == start_ticks(process)
    assert reached.python["version"] == ".".join(map(str, sys.version_info[:3]))
    assert 0 < reached.stop_ns < 1e9
    assert reached.agent.close().restored


def test_a_number_that_was_used_again(process: int) -> None:
    with pytest.raises(TargetError, match="another one has its number") as caught:
        reach_process(process, start_ticks(process) - 1)
    assert "new number" in caught.value.hint


def test_the_agent_of_our_own_version_is_the_installed_one(process: int) -> None:
    library, interpreter = native_agent_for_process(require_ready(process))
    assert library.parent.name == "agent"
    assert interpreter.hexversion == sys.hexversion
    assert "came with leakhunt" in find_native_agent(require_ready(process))


@pytest.mark.parametrize("is_missing", [True, False])
def test_an_interpreter_that_is_not_for_us_to_run(process: int, is_missing: bool) -> None:
    """The agent of another interpreter of that version does."""
    there = require_ready(process)
    executable = "/no/such/python" if is_missing else "/etc/passwd"
    library, _ = native_agent_for_process(replace(there, executable=executable))
    assert library.is_file()


def test_no_agent_for_that_version(process: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_native, "_local_interpreters", lambda _version: iter(()))
    foreign = replace(require_ready(process), hexversion=0x030CFFF0, executable="/no/such/python")
    for find in (native_agent_for_process, find_native_agent):
        with pytest.raises(NativeBuildError, match=r"no native agent fits CPython 3\.12\.255") as e:
            find(foreign)
        assert "it is not there" in str(e.value)
        assert "install CPython 3.12.255" in e.value.hint


def test_files_that_others_could_have_written_are_not_run(tmp_path: Path) -> None:
    path = tmp_path / "python3"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o777)
    assert process_native._why_not_run(path, "") == "anybody may have written it"
    path.chmod(0o644)
    assert process_native._why_not_run(path, "") == "it may not be executed"
    path.chmod(0o755)
    assert process_native._why_not_run(path, "") == ""


def test_a_thread_is_no_process_but_has_one() -> None:
    numbers: queue.Queue[int] = queue.Queue()
    over = threading.Event()

    def work() -> None:
        numbers.put(threading.get_native_id())
        over.wait(30)

    thread = threading.Thread(target=work)
    thread.start()
    number = numbers.get()
    error = no_such_process(number)
    over.set()
    thread.join()
    assert str(error) == f"{number} is a thread of process {os.getpid()}"
    assert error.hint == f"give the PID {os.getpid()}"
    assert str(no_such_process(1 << 22)) == f"there is no process {1 << 22}"
