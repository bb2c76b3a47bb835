"""From a PID to a snapshot: the injector, the agent's text and the agent together."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from leakhunt.agent import snapshots
from leakhunt.store.reader import open_snapshot
from leakhunt.target.attach import open_channel
from leakhunt.target.connection import AgentConnection
from leakhunt.target.interpreter import probe
from leakhunt.target.native_build import native_agent_for
from tests.attach.conftest import StartProgram
from tests.attach.test_delivery import files_in_memory
from tests.attach.test_preflight import as_root, become_nobody, child
from tests.attach.test_states import (
    PROGRAM,
    descriptors,
    eventually,
    executable_anonymous_mappings,
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
    before, thread_count = descriptors(process.pid), threads(process.pid)
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
    assert eventually(lambda: descriptors(process.pid) <= before)
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
        before = descriptors(pid)
        for _ in range(3):
            channel = open_channel(pid, private)
            with AgentConnection(channel.sock, pid) as connection:
                assert connection.hello().uid == 65534
                connection.self_test()
        assert len(files_in_memory(pid)) == 1
        assert eventually(lambda: descriptors(pid) <= before)


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
