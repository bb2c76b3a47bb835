"""What /proc says of processes that come and go."""

from __future__ import annotations

import os
import subprocess
import sys

from leakhunt.target.process_table import is_running, read_entry

PROGRAM = (sys.executable, "-ISc", "import os; os.read(0, 1); os._exit(0)")
TRIES = 40


def test_who_closed_its_descriptors_by_ending_counts_as_dead() -> None:
    """The kernel closes them some time before the process becomes a zombie."""
    for _ in range(TRIES):
        with subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ending:
            assert ending.stdin is not None
            assert ending.stdout is not None
            before = read_entry(ending.pid)
            assert before is not None
            assert not before.is_dead
            ending.stdin.close()
            assert ending.stdout.read() == b""
            after = read_entry(ending.pid)
            assert after is not None
            assert after.is_dead
            assert not is_running(ending.pid, before.start_ticks)


def test_who_runs_is_not_dead() -> None:
    own = read_entry(os.getpid())
    assert own is not None
    assert not own.is_dead
    assert is_running(own.pid, own.start_ticks)
    assert read_entry(1 << 22) is None
