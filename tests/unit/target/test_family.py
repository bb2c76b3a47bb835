from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leakhunt.errors import TargetError
from leakhunt.target.family import Children, find_behind_wrapper, find_family
from leakhunt.target.process_table import (
    command_of,
    descendants,
    is_running,
    read_entry,
    read_table,
)

PROGRAM = """
import multiprocessing, subprocess, sys, time

def work():
    time.sleep(60)

if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        multiprocessing.get_context(method).Process(target=work, name=method).start()
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "other"])
    subprocess.Popen(["sleep", "60"])
    time.sleep(60)
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[int]:
    """A program with a worker of each kind, another Python program and a sleep below it."""
    script = tmp_path / "parent.py"
    script.write_text(PROGRAM)
    with subprocess.Popen([sys.executable, str(script)], start_new_session=True) as started:
        try:
            deadline = time.monotonic() + 20
            while len(descendants(read_table(), started.pid)) < 7 and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.3)  # Let the last one come past its exec.
            yield started.pid
        finally:
            os.killpg(started.pid, 9)


def words(children: Children, parent: int) -> list[str]:
    return [" ".join(one.command[1:])[:60] for one in find_family(parent, children)]


def test_the_family_of_a_process(parent: int) -> None:
    alone = find_family(parent, Children.NONE)
    assert [(one.pid, one.is_root) for one in alone] == [(parent, True)]
    workers = words(Children.AUTO, parent)
    assert len(workers) == 4
    assert not any("other" in line or "resource_tracker" in line for line in workers)
    every = words(Children.ALL, parent)
    assert len(every) == 5
    assert sum("other" in line for line in every) == 1


def test_a_process_that_is_gone() -> None:
    done = subprocess.Popen(["true"])
    done.wait()
    assert find_family(done.pid, Children.AUTO) == ()
    assert read_entry(done.pid) is None
    assert command_of(done.pid) == ()


def test_a_number_used_again_is_another_process() -> None:
    own = read_entry(os.getpid())
    assert own is not None
    assert is_running(own.pid, own.start_ticks)
    assert not is_running(own.pid, own.start_ticks - 1)


SLEEP = f"{sys.executable} -c 'import time; time.sleep(60)'"


@pytest.fixture
def shell() -> Iterator[Callable[[str, int], int]]:
    """Starts a shell line; its number, once so many processes run below it."""
    with contextlib.ExitStack() as stack:

        def run(line: str, count: int) -> int:
            started = subprocess.Popen(["/bin/sh", "-c", line], start_new_session=True)
            stack.callback(started.wait)
            stack.callback(os.killpg, started.pid, 9)
            deadline = time.monotonic() + 20
            while len(descendants(read_table(), started.pid)) < count:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            time.sleep(0.3)  # Let the last one come past its exec.
            return started.pid

        yield run


def test_the_program_behind_a_wrapper(shell: Callable[[str, int], int], parent: int) -> None:
    wrapper = shell(f"sleep 60 & {SLEEP} & wait", 2)
    assert " ".join(command_of(find_behind_wrapper(wrapper))).endswith("time.sleep(60)")
    nothing = shell("sleep 60 & wait", 1)
    assert find_behind_wrapper(nothing) == nothing
    # What a program started is its own affair.
    assert find_behind_wrapper(parent) == parent
    assert find_behind_wrapper(1 << 22) == 1 << 22


def test_a_wrapper_of_several_programs_is_no_guess(shell: Callable[[str, int], int]) -> None:
    wrapper = shell(f"{SLEEP} & {SLEEP} & wait", 2)
    below = [entry.pid for entry in descendants(read_table(), wrapper)]
    with pytest.raises(TargetError, match=", ".join(map(str, below))) as caught:
        find_behind_wrapper(wrapper)
    assert caught.value.hint == "give the number of the one that is meant"


def test_the_program_behind_a_reloader(shell: Callable[[str, int], int], tmp_path: Path) -> None:
    script = tmp_path / "serve.py"
    script.write_text(
        "import os, subprocess, sys, time\n"
        "if os.environ.get('CHILD'): time.sleep(60)\n"
        "subprocess.call([sys.executable, *sys.argv], env={**os.environ, 'CHILD': '1'})\n"
    )
    reloader = shell(f"exec {sys.executable} {script}", 1)
    (child,) = descendants(read_table(), reloader)
    assert find_behind_wrapper(reloader) == child.pid
