"""Attach in every state a program can be in: it must not notice."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from leakhunt.target.attach import Channel, open_channel
from tests.attach.conftest import HERE, StartProgram, closing
from tests.proc_view import descriptors

PROGRAM = HERE / "states_program.py"
STATES = (
    "malloc", "gc", "busy", "lock", "select", "sleep", "epoll", "join", "c-call", "parked",
)  # fmt: skip
ROUNDS = 100


def attach_once(pid: int, library: Path) -> Channel:
    channel = open_channel(pid, library, source=closing)
    channel.sock.close()
    return channel


def open_descriptors(pid: int) -> set[tuple[int, str]]:
    """Number and what it stands for, of each."""
    return set(descriptors(pid).items())


def executable_anonymous_mappings(pid: int) -> int:
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return sum(len(line.split()) == 5 and "x" in line.split()[1] for line in lines)


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("state", STATES)
def test_a_program_does_not_notice(
    python: Path, state: str, start: StartProgram, library: Path
) -> None:
    process = start(python, "-I", PROGRAM, state, "2")
    time.sleep(0.2)
    before = open_descriptors(process.pid)
    channel = attach_once(process.pid, library)
    assert channel.facts.stop_ns
    assert channel.identity.pid == process.pid
    assert eventually(lambda: open_descriptors(process.pid) <= before)
    assert eventually(lambda: executable_anonymous_mappings(process.pid) == 0)
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == (f"{state} as it should be []\n", "", 40)


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
def test_a_hundred_attaches_are_not_noticed(
    python: Path, state: str, start: StartProgram, library: Path
) -> None:
    # While C code holds the interpreter's lock for a whole wait nobody is answered: the C call
    # is attached to once.
    rounds = 1 if state == "c-call" else ROUNDS
    process = start(python, "-I", PROGRAM, state, "3" if rounds == 1 else "20")
    time.sleep(0.5)
    before = open_descriptors(process.pid)
    stops: list[float] = []
    for _ in range(rounds):
        channel = attach_once(process.pid, library)
        stops.extend(ns / 1e6 for ns in channel.facts.stop_ns)
        assert process.poll() is None
    assert eventually(lambda: open_descriptors(process.pid) <= before)
    assert eventually(lambda: executable_anonymous_mappings(process.pid) == 0)
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == (f"{state} as it should be []\n", "", 40)
    print(f"{state}: stop median {statistics.median(stops):.2f} ms, max {max(stops):.2f} ms")
