"""Programs that uv starts: the one behind it is hunted, and what it is told goes both ways.  Needs
`make servers`, no network."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import pytest

from leakhunt.hunt import LiveOptions, hunt_live
from leakhunt.target.launch import Launched
from leakhunt.target.process_table import command_of
from leakhunt.target.readiness import parse_ready
from tests.e2e.servers import SERVER_BIN, SERVERS, free_port, load_line

UV = SERVER_BIN / "uv"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not UV.exists(), reason="no uv here: make servers"),
]

PROJECT = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\n'
TOLD = """
import signal, sys, time

def end(number, frame):
    print("told", signal.Signals(number).name, flush=True)
    sys.exit(7)

signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
print("ready", flush=True)
while True:
    time.sleep(0.1)
"""


@pytest.fixture(params=["project", "no project"])
def uv_run(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, ...]:
    """``uv run`` in a folder with the server's files and TOLD; nothing comes from elsewhere."""
    for name, value in (
        ("UV_OFFLINE", "1"),
        ("UV_NO_CONFIG", "1"),
        ("UV_PYTHON_DOWNLOADS", "never"),
        ("UV_CACHE_DIR", str(tmp_path / "cache")),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("plain_http.py", "visits.py"):
        shutil.copy(SERVERS / name, folder)
    (folder / "told.py").write_text(TOLD)
    (folder / "pyproject.toml").write_text(PROJECT)
    options = [] if request.param == "project" else ["--no-project"]
    return (str(UV), "run", "--directory", str(folder), "--python", sys.executable, *options)


def test_the_program_behind_uv_is_hunted(uv_run: tuple[str, ...]) -> None:
    port = free_port()
    command = (*uv_run, "python", "plain_http.py", str(port))
    ready = parse_ready(f"port:{port}")
    report = hunt_live(LiveOptions(command=command, load=load_line(port, 100), ready=ready))
    assert (report.errors, report.cycles) == ((), 300)
    (found,) = (one for one in report.findings if one.verdict == "LEAK")
    assert (found.holder.path, found.count_per_cycle) == ("visits.VISITS", 1.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_and_the_exit_code_pass_through_uv(
    uv_run: tuple[str, ...], number: signal.Signals, tmp_path: Path
) -> None:
    output = tmp_path / "output.log"
    command = (*uv_run, "python", "told.py")
    with Launched(command, output, show_output=False) as launched:
        program = launched.wait_ready(parse_ready("line:ready"), 60)
        assert program != launched.pid
        assert command_of(program)[1:] == ("told.py",)
        status = launched.end(number)
    assert (status, launched.was_killed) == (7, False)
    told = output.read_text().splitlines()
    after = told[told.index("ready") + 1 :]
    if number == signal.SIGTERM:
        assert after == ["told SIGTERM"], "once"
    else:  # uv hands on what the terminal sent to both
        assert set(after) == {"told SIGINT"}


def test_the_exit_code_of_a_program_that_ends_by_itself_behind_uv(uv_run: tuple[str, ...]) -> None:
    stop = Path(uv_run[3]) / "stop"
    code = f"""
import os, sys, time
print("ready", flush=True)
while not os.path.exists({str(stop)!r}):
    time.sleep(0.05)
os.remove({str(stop)!r})
sys.exit(5)
"""
    report = hunt_live(
        LiveOptions(
            command=(*uv_run, "python", "-c", code),
            ready=parse_ready("line:ready"),
            load=f"touch {stop}; while test -e {stop}; do sleep 0.1; done",
            warmup=0,
        )
    )
    assert report.target["exit_status"] == 5
    assert report.errors
