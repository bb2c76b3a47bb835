from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from leakhunt.cli import streams

PROGRAM = """
import sys, types
from leakhunt.target.progress import Progress
from tests.golden.sample_reports import ALL
from tests.unit.cli.conftest import FakeOptions

def hunt_scenario(options, on_progress=None):
    on_progress(Progress("setup"))
    on_progress(Progress("load", 0, 200))
    on_progress(Progress("load", 150, 200))
    on_progress(Progress("build", message="building \\x1b[31mred"))
    return ALL["leaky"]

sys.modules["leakhunt.hunt"] = module = types.ModuleType("leakhunt.hunt")
vars(module).update(HuntOptions=FakeOptions, hunt_scenario=hunt_scenario, Progress=Progress)
from leakhunt.cli import main
sys.exit(main(["hunt", "--scenario", __file__, *sys.argv[1:]]))
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM))
    return path


def environment(**more: str) -> dict[str, str]:
    names = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONIOENCODING")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {**kept, "PYTHONPATH": str(Path.cwd()), "TERM": "xterm", **more}


def run(
    program: Path, *arguments: str, stdout: int = subprocess.PIPE, **more: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, program, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(**more),
        check=False,
    )


def read_all(descriptor: int) -> str:
    """What a terminal got, until its last writer left."""
    data = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # EIO: the other side is closed
            part = b""
        if not part:
            os.close(descriptor)
            return data.decode()
        data += part


def test_plain_when_piped(program: Path) -> None:
    done = run(program)
    assert done.returncode == 1
    assert b"\x1b" not in done.stdout
    assert done.stderr == b""


def test_a_reader_that_went_away_keeps_the_verdict(program: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run(program, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_stream_keeps_the_verdict(program: Path, closed: int) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}>&-', "sh", sys.executable, program],
        capture_output=True,
        env=environment(),
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == b""
    assert done.stdout.startswith(b"  LEAK" if closed != 1 else b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said(program: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(program, stdout=full.fileno())
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: cannot write to the standard output: ")
    assert b"hint: " in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_ascii_stream_gets_ascii(program: Path) -> None:
    done = run(program, PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert b"`- .listeners" in done.stdout


def test_columns(program: Path) -> None:
    wide = run(program, COLUMNS="160").stdout
    assert max(map(len, wide.decode().splitlines())) > 100


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_progress_on_a_terminal(program: Path, arguments: list[str]) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, program, *arguments],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment(),
    )
    os.close(theirs)
    shown = read_all(ours)
    out = process.stdout
    assert out is not None
    with out:
        data = out.read()
    assert process.wait() == 1
    assert "building" in shown
    assert "\x1b[31mred" not in shown
    assert data.startswith(b"{" if arguments else b"  LEAK")


def test_lines_instead_of_a_bar_when_the_target_talks(program: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, program, "--show-output"],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=environment(),
    )
    os.close(theirs)
    shown = read_all(ours).replace("\r", "")
    process.wait()
    assert shown == "setting up\nrunning cycles\nbuilding \\x1b[31mred\n"


@pytest.mark.parametrize(("variable", "colored"), [("TERM", True), ("NO_COLOR", False)])
def test_color_on_a_terminal(program: Path, variable: str, colored: bool) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, program],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=environment(**{variable: "xterm"}),
    )
    os.close(theirs)
    shown = read_all(ours)
    process.wait()
    assert bool(re.search(r"\x1b\[", shown)) == colored
    assert "grows here" in shown


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "colored"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_who_wants_color(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], colored: bool
) -> None:
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert streams.wants_color(_Terminal()) == colored
    assert streams.wants_color(io.StringIO()) == (colored and "FORCE_COLOR" in variables)


def test_closed_streams_are_no_terminals() -> None:
    stream = io.StringIO()
    stream.close()
    assert not streams.is_terminal(stream)


def test_encodings() -> None:
    for encoding, is_ascii in (("utf-8", False), ("ascii", True), ("latin-1", True)):
        assert streams.is_ascii_only(io.TextIOWrapper(io.BytesIO(), encoding)) == is_ascii
