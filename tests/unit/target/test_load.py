from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from leakhunt.errors import UsageError
from leakhunt.target.load import LoadCommand
from tests.proc_view import is_alive


def test_a_run_is_reported() -> None:
    run = LoadCommand("echo one; echo two >&2; echo leakhunt-cycles: 7; exit 3").run()
    assert (run.status, run.figures.requests, run.is_failed) == (3, 7, True)
    assert run.last_output == "one | two | leakhunt-cycles: 7"
    assert run.duration_ns > 0


def test_what_a_signal_ended() -> None:
    assert LoadCommand("kill -KILL $$").run().status == -9


@pytest.mark.parametrize(
    ("line", "why"), [("no-such-tool -c 1", "does not exist"), ("/etc/passwd", "cannot be exec")]
)
def test_a_command_that_is_missing(line: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        LoadCommand(line).run()
    assert caught.value.hint


def test_a_line_that_cannot_be_started() -> None:
    with pytest.raises(UsageError, match="cannot be started"):
        LoadCommand("echo \0").run()


def test_time_runs_out_and_nothing_is_left(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    started = time.monotonic()
    run = LoadCommand(f"sleep 60 & echo $! $$ > {note}; wait").run(timeout_s=0.3)
    assert run.is_cut_short
    assert not run.is_failed
    assert time.monotonic() - started < 5
    for pid in map(int, note.read_text().split()):
        assert ends(pid)


def test_what_left_the_group_ends_with_the_load(tmp_path: Path) -> None:
    """`timeout` makes a group for itself, and so do many load tools for their workers."""
    note = tmp_path / "pids"
    line = f"setsid --wait sleep 60 & timeout 60 sleep 60 & sleep 0.2; ps -o pid= -s $$ > {note};"
    line += f"pgrep -x -P $! sleep >> {note}; wait"
    run = LoadCommand(line).run(timeout_s=0.6)
    assert run.is_cut_short
    pids = [int(pid) for pid in note.read_text().split()]
    assert len(pids) >= 3
    assert [pid for pid in pids if not ends(pid)] == []


def ends(pid: int) -> bool:
    """Within a minute."""
    deadline = time.monotonic() + 60
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


def test_what_it_leaves_behind_does_not_hold_us_up(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    started = time.monotonic()
    LoadCommand(f"sleep 60 & echo $! > {note}").run()
    assert time.monotonic() - started < 5
    assert ends(int(note.read_text()))


def test_a_load_that_closes_its_output_is_waited_for() -> None:
    run = LoadCommand("exec >&- 2>&-; sleep 0.4; exit 5").run()
    assert run.status == 5
    assert run.duration_ns > 3e8


def test_somebody_asks_for_its_end() -> None:
    asked = iter([True, True, False])
    assert LoadCommand("sleep 60").run(keep_going=lambda: next(asked)).is_cut_short


def test_long_output_keeps_its_ends() -> None:
    run = LoadCommand("echo leakhunt-cycles: 1; seq 300000; echo leakhunt-cycles: 2").run()
    assert run.figures.requests == 3


def test_output_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    LoadCommand("echo hello", show_output=True).run()
    assert capfd.readouterr() == ("", "hello\n")


def test_it_runs_in_a_group_of_its_own() -> None:
    run = LoadCommand("ps -o pgid= -p $$").run()
    assert int(run.last_output) != os.getpgrp()


def test_it_has_no_terminal_to_wait_for() -> None:
    assert LoadCommand("ps -o sid= -p $$; : < /dev/tty").run().status != 0
