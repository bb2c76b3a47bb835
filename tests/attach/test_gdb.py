"""The explicit way through gdb."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from leakhunt.errors import TargetError
from leakhunt.target.attach import open_channel
from tests.attach.conftest import StartProgram, closing

COMPUTES = "import time; print('ready', flush=True)\nend = time.time() + {seconds}\n"
COMPUTES += "while time.time() < end: pass\nprint('done', sorted(globals()) == NAMES)"
COMPUTES = "NAMES = sorted([*globals(), 'NAMES', 'end', 'time']); " + COMPUTES


@pytest.mark.skipif(shutil.which("gdb") is None, reason="no gdb here")
def test_a_pending_call_by_gdb(start: StartProgram, library: Path) -> None:
    process = start(sys.executable, "-I", "-c", COMPUTES.format(seconds=5))
    channel = open_channel(process.pid, library, source=closing, method="gdb", timeout_s=30)
    channel.sock.close()
    assert (channel.facts.method, channel.facts.way) == ("gdb", "pending call")
    out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == ("done True\n", "", 0)


def test_without_gdb(start: StartProgram, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = start(sys.executable, "-I", "-c", COMPUTES.format(seconds=0.5))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TargetError, match="gdb is not on PATH") as caught:
        open_channel(process.pid, library, source=closing, method="gdb")
    assert "--method ptrace" in caught.value.hint
    assert process.communicate(timeout=30)[0] == "done True\n"
