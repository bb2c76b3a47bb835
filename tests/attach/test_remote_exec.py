"""The way through ``sys.remote_exec``, of CPython 3.14 and later."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from leakhunt.errors import TargetError
from leakhunt.target.attach import open_channel, remote_exec
from leakhunt.target.interpreter import probe
from tests.attach.conftest import StartProgram, closing

COMPUTES = """
import sys, time
NAMES = sorted([*globals(), "NAMES", "end"])
end = time.time() + {seconds}
print("ready", flush=True)
while time.time() < end: pass
print("done", sorted(globals()) == NAMES)
"""
WAITS = "import time; print('ready', flush=True); time.sleep({seconds}); end = 1; print('done')"


@pytest.fixture
def newer(python: Path) -> Path:
    """An interpreter that has it."""
    if probe(str(python)).version[:2] < remote_exec.OLDEST:
        pytest.skip("it came with 3.14")
    return python


def leftovers() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("leakhunt-*"))


def test_a_busy_program(newer: Path, start: StartProgram, library: Path) -> None:
    before = leftovers()
    process = start(newer, "-I", "-c", COMPUTES.format(seconds=3))
    channel = open_channel(process.pid, library, source=closing, method="remote_exec")
    channel.sock.close()
    assert (channel.facts.method, channel.facts.way) == ("remote_exec", "remote script")
    assert channel.facts.stop_ns == (0,)
    out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == ("done True\n", "", 0)
    assert leftovers() <= before


def test_one_that_waits_hears_nothing_of_it(
    newer: Path, start: StartProgram, library: Path
) -> None:
    process = start(newer, "-I", "-c", WAITS.format(seconds=3))
    began = time.monotonic()
    with pytest.raises(TargetError, match=r"ran no remote script in 0\.5 s") as caught:
        open_channel(process.pid, library, source=closing, method="remote_exec", timeout_s=0.5)
    assert "--method ptrace" in caught.value.hint
    assert time.monotonic() - began < 2.5
    out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == ("done\n", "", 0)


def test_a_program_that_forbids_it(newer: Path, start: StartProgram, library: Path) -> None:
    process = start(newer, "-X", "disable-remote-debug", "-c", COMPUTES.format(seconds=1))
    with pytest.raises(TargetError, match="Remote debugging is not enabled"):
        open_channel(process.pid, library, source=closing, method="remote_exec")
    assert process.communicate(timeout=30)[0] == "done True\n"


def test_an_older_interpreter_has_none(start: StartProgram, library: Path) -> None:
    if sys.version_info >= remote_exec.OLDEST:
        pytest.skip("this one has it")
    process = start(sys.executable, "-I", "-c", COMPUTES.format(seconds=0.5))
    with pytest.raises(TargetError, match=r"has no sys\.remote_exec: it came with 3\.14"):
        open_channel(process.pid, library, source=closing, method="remote_exec")
    assert process.communicate(timeout=30)[0] == "done True\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_one_that_sees_other_files(
    newer: Path, start: StartProgram, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = COMPUTES.format(seconds=1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    hide = f'mount -t tmpfs none {tmp_path} && exec "$@"'
    process = start("unshare", "-m", "sh", "-c", hide, "sh", newer, "-I", "-c", code)
    with pytest.raises(TargetError, match="does not see"):
        open_channel(process.pid, library, source=closing, method="remote_exec")
    assert process.communicate(timeout=30)[0] == "done True\n"


def test_the_whole_tool(newer: Path, start: StartProgram, tmp_path: Path) -> None:
    process = start(newer, "-I", "-c", COMPUTES.format(seconds=20))
    command = [sys.executable, "-m", "leakhunt", "snapshot", str(process.pid)]
    done = subprocess.run(
        [*command, "--method", "remote_exec", "-o", str(tmp_path / "one.lkheap")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, (tmp_path / "one.lkheap").exists()) == (0, True), done.stderr
    assert "attaching stopped it for 0 us" in done.stdout + done.stderr
    assert process.poll() is None
