"""What cannot be shown is said in one line, with exit code 2, and the terminal is left alone."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from fcntl import ioctl
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ

import pytest

from tests.tui.cases import shop_case


def run(*sources: object, size: tuple[int, int] | None = (24, 80), term: str = "xterm") -> str:
    """Exit code and what ``leakhunt tui`` says, on a terminal of a size or on none at all."""
    command = [sys.executable, "-m", "leakhunt", "tui", *map(str, sources)]
    if size is None:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return f"{done.returncode}: {done.stderr}"
    master, terminal = pty.openpty()
    ioctl(terminal, TIOCSWINSZ, pack("HHHH", *size, 0, 0))
    process = subprocess.Popen(
        command,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": term},
    )
    os.close(terminal)
    said = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # the other end was closed
            break
        if not part:
            break
        said += part
    os.close(master)
    return f"{process.wait(60)}: {said.decode()}"


def test_no_terminal(tmp_path: Path) -> None:
    said = run(tmp_path, size=None)
    assert said.startswith("2: error: there is no terminal to draw on\nhint: ")


@pytest.mark.parametrize(("size", "term"), [((10, 80), "xterm"), ((24, 30), "xterm")])
def test_a_terminal_too_small(tmp_path: Path, size: tuple[int, int], term: str) -> None:
    said = run(tmp_path, size=size, term=term)
    assert said.startswith(f"2: error: the terminal has {size[1]} columns and {size[0]} lines")
    assert "at least 60 by 16" in said


def test_a_dumb_terminal(tmp_path: Path) -> None:
    assert run(tmp_path, term="dumb").startswith("2: error: the terminal is called 'dumb'")


def test_a_directory_without_snapshots(tmp_path: Path) -> None:
    said = run(tmp_path)
    assert said.startswith("2: error: there is no report to read at")
    assert "\x1b" not in said


def test_a_file_that_is_no_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "final.lkheap"
    path.write_bytes(b"what is this?" * 100)
    assert run(path).startswith("2: error: ")


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    assert "there is no snapshot file" in run(tmp_path / "gone.lkheap")


def test_a_snapshot_of_a_version_to_come(tmp_path: Path) -> None:
    folder = shop_case(tmp_path / "shop")
    path = folder / "final.lkcols"
    data = bytearray(path.read_bytes())
    data[8:10] = b"\xff\x00"
    path.write_bytes(data)
    said = run(path)
    assert said.startswith("2: error: ")
    assert "version" in said


def test_a_report_that_is_broken(tmp_path: Path) -> None:
    folder = shop_case(tmp_path / "shop")
    (folder / "report.json").write_text('{"schema": "leakhunt.report/1"}')
    assert run(folder).startswith("2: error: not a whole leakhunt report")


def test_a_snapshot_that_turns_out_broken_later(tmp_path: Path) -> None:
    folder = shop_case(tmp_path / "shop")
    path = folder / "final.lkcols"
    path.write_bytes(path.read_bytes()[:-5000])
    said = run(path)
    assert said.startswith("2: ")
    assert "error: " in said


def test_too_many_snapshots(tmp_path: Path) -> None:
    assert "4 snapshots are too many" in run("a", "b", "c", "d")
