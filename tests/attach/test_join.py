"""From a PID to a snapshot: the injector, the agent's text and the agent together."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from leakhunt.agent import snapshots
from leakhunt.errors import TargetError
from leakhunt.store.reader import open_snapshot
from leakhunt.target.attach import open_channel
from leakhunt.target.connection import AgentConnection
from leakhunt.target.interpreter import probe
from leakhunt.target.native_build import native_agent_for
from tests.attach.conftest import HERE, StartProgram
from tests.attach.test_delivery import files_in_memory
from tests.attach.test_preflight import as_root, become_nobody, child
from tests.attach.test_states import (
    PROGRAM,
    eventually,
    executable_anonymous_mappings,
    open_descriptors,
)


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


@pytest.mark.parametrize("state", ["busy", "sleep", "parked"])
def test_three_snapshots_of_a_process(
    python: Path, state: str, start: StartProgram, tmp_path: Path
) -> None:
    agent = native_agent_for(probe(python))
    process = start(python, "-I", PROGRAM, state, "4")
    time.sleep(0.1)
    before, thread_count = open_descriptors(process.pid), threads(process.pid)
    for number in range(3):
        channel = open_channel(process.pid, agent)
        with AgentConnection(channel.sock, process.pid) as connection:
            hello = connection.hello()
            assert hello.hexversion == channel.identity.hexversion
            assert hello.start_ticks == channel.identity.start_ticks
            connection.self_test()
            path = tmp_path / f"{number}.lkheap"
            connection.capture(path, snapshots._header("seen", "names"))
        assert open_snapshot(path).node_count > 1000
    assert eventually(lambda: open_descriptors(process.pid) <= before)
    assert eventually(lambda: threads(process.pid) == thread_count)
    assert eventually(lambda: executable_anonymous_mappings(process.pid) == 0)
    out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == (f"{state} as it should be []\n", "", 40)


@as_root
def test_a_process_that_cannot_open_the_agent(library: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    private = tmp_path / "_heap.so"
    private.write_bytes(library.read_bytes())
    with child(become_nobody) as pid:
        before = open_descriptors(pid)
        for _ in range(3):
            channel = open_channel(pid, private)
            with AgentConnection(channel.sock, pid) as connection:
                assert connection.hello().uid == 65534
                connection.self_test()
        assert len(files_in_memory(pid)) == 1
        assert eventually(lambda: open_descriptors(pid) <= before)


SETS_USER = """
import os, signal, time
def set_user(*_): os.setuid(os.getuid()); print('set', flush=True)
signal.signal(signal.SIGUSR1, set_user)
print('ready', flush=True)
while True: time.sleep(0.01)
"""


def test_a_program_that_sets_its_user_meanwhile(python: Path, start: StartProgram) -> None:
    # The C library has every thread of the process do it, ours too.
    process = start(python, "-I", "-c", SETS_USER)
    channel = open_channel(process.pid, native_agent_for(probe(python)))
    with AgentConnection(channel.sock, process.pid) as connection:
        connection.hello()
        process.send_signal(signal.SIGUSR1)
        assert process.stdout is not None
        assert process.stdout.readline() == "set\n"


def test_several_processes_at_once(python: Path, start: StartProgram) -> None:
    agent = native_agent_for(probe(python))
    pids = [start(python, "-I", PROGRAM, "busy", "3").pid for _ in range(3)]

    def attach(pid: int) -> int:
        with AgentConnection(open_channel(pid, agent).sock, pid) as connection:
            return connection.hello().pid

    with ThreadPoolExecutor(len(pids)) as pool:
        assert list(pool.map(attach, pids)) == pids


def test_one_process_twice(python: Path, start: StartProgram) -> None:
    agent = native_agent_for(probe(python))
    pid = start(python, "-I", PROGRAM, "sleep", "3").pid
    with AgentConnection(open_channel(pid, agent).sock, pid) as first:
        first.hello()
        with pytest.raises(TargetError, match="does not start"):
            open_channel(pid, agent)
        first.hello()


@pytest.mark.slow
def test_a_storm_of_threads_signals_and_forks(python: Path, start: StartProgram) -> None:
    agent = native_agent_for(probe(python))
    process = start(python, "-I", "-W", "ignore", HERE / "storm_program.py", "15")
    count = 0
    end = time.monotonic() + 12
    while time.monotonic() < end:
        channel = open_channel(process.pid, agent)
        with AgentConnection(channel.sock, process.pid) as connection:
            connection.hello()
        count += 1
    assert count > 50
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("as it should be\n", "", 40)


@pytest.mark.slow
def test_a_process_does_not_grow_by_attaching(python: Path, start: StartProgram) -> None:
    agent = native_agent_for(probe(python))
    code = "import time; print('ready', flush=True)\nwhile True: time.sleep(0.01)"
    process = start(python, "-I", "-c", code)

    def attach(times: int) -> None:
        for _ in range(times):
            channel = open_channel(process.pid, agent)
            with AgentConnection(channel.sock, process.pid) as connection:
                connection.hello()

    def resident_bytes() -> int:
        fields = Path(f"/proc/{process.pid}/statm").read_text().split()
        return int(fields[1]) * 4096

    attach(100)  # The C library keeps a stack and an arena for the next thread
    mappings = Path(f"/proc/{process.pid}/maps").read_text().count("\n")
    before = resident_bytes()
    attach(400)
    assert resident_bytes() - before < 512 << 10
    assert Path(f"/proc/{process.pid}/maps").read_text().count("\n") <= mappings + 3
