"""Red flags of real processes: a healthy one, and one with much wrong."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_bill import running

SICK = """
import gc, os, time
gc.disable()
for _ in range(60_000):
    a = [bytes(600)]
    a.append(a)
KEPT = []
def grow():
    while True:
        KEPT.append([{i: str(i)} for i in range(3_000)])
        KEPT.append(os.open("/dev/null", os.O_RDONLY))
        worker = threading.Thread(target=threading.Event().wait, daemon=True)
        worker.start()
        time.sleep(0.1)
threading.Thread(target=grow, daemon=True).start()
"""

LATE = """
import asyncio, sys, time
async def serve(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    time.sleep(0.2)
    writer.write(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 0\\r\\n\\r\\n")
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    with open(sys.argv[1], "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()
asyncio.run(main())
"""
VISIT = """
import sys, urllib.request
port = open(sys.argv[1]).read()
for _ in range(5):
    urllib.request.urlopen(f"http://127.0.0.1:{port}/").read()
"""

pytestmark = pytest.mark.e2e


def examine(*arguments: str | Path | int) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "leakhunt", "doctor", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False)


def lights(pid: int) -> dict[str, str]:
    done = examine(str(pid), "--duration", "4", "--json")
    assert done.returncode == 0, done.stderr
    return {flag["name"]: flag["light"] for flag in json.loads(done.stdout)["flags"]}


def test_a_healthy_process_is_green(python: Path) -> None:
    with running(python, "KEPT = list(range(100_000))") as pid:
        assert set(lights(pid).values()) == {"green"}


def test_what_is_wrong_is_flagged(python: Path) -> None:
    with running(python, SICK) as pid:
        found = lights(pid)
    wrong = {name for name, light in found.items() if light != "green"}
    assert {
        "memory growth",
        "allocated block growth",
        "thread growth",
        "descriptor growth",
        "collector switched off",
        "uncollected garbage",
    } <= wrong
    assert not {"stuck asyncio tasks", "unfinished asyncio tasks"} & wrong


def test_a_program_is_started_loaded_watched_and_ended(python: Path, tmp_path: Path) -> None:
    for name, text in (("late.py", LATE), ("visit.py", VISIT)):
        (tmp_path / name).write_text(text)
    port = tmp_path / "port"
    load = shlex.join([sys.executable, str(tmp_path / "visit.py"), str(port)])
    done = examine("--load", load, "--duration", "4", "--json", "--", python,
                   tmp_path / "late.py", port)  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    flag_by_name = {flag["name"]: flag for flag in report["flags"]}
    # Each request keeps the loop for 200 ms, and one comes right after the other.
    assert 150 < flag_by_name["event-loop delay p99"]["value"] < 1_500
    assert flag_by_name["event-loop delay p99"]["light"] in {"yellow", "red"}
    assert flag_by_name["event-loop delay p99"]["next"] == "py-spy dump --pid PID"
    assert flag_by_name["collector pause p99"]["light"] == "green"
    assert report["command"] == [str(python), str(tmp_path / "late.py"), str(port)]
    assert report["notes"] == []
    assert not Path(f"/proc/{report['pid']}").exists()


def test_a_load_that_cannot_be_run_ends_it(python: Path) -> None:
    with running(python, "pass") as pid:
        done = examine(pid, "--load", "leakhunt-no-such-command", "--duration", "3")
        assert Path(f"/proc/{pid}").exists()
    assert done.returncode == 2
    assert b"does not exist" in done.stderr


def test_a_load_that_fails_is_told(python: Path) -> None:
    with running(python, "pass") as pid:
        done = examine(pid, "--load", "echo too bad; exit 3", "--duration", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["notes"] == ["the load failed with status 3: too bad"]


@pytest.mark.parametrize(
    "arguments", [(), ("4242", "other"), ("4242", "--ready", "port:80"), ("--load", " ", "--", "a")]
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...]) -> None:
    done = examine(*arguments)
    assert done.returncode == 2
    assert b"hint:" in done.stderr


def test_a_program_that_ends_is_said_to(python: Path) -> None:
    done = examine("--ready", "delay:200ms", "--duration", "3", "--", python, "-c",
                   "import sys, time; time.sleep(1.5); sys.exit('no more work')")  # fmt: skip
    assert done.returncode == 3
    assert b"the program ended" in done.stderr
    assert b"no more work" in done.stderr


def test_a_process_that_is_not_there_is_refused() -> None:
    done = examine("999999999")
    assert done.returncode in {2, 3}
    assert b"hint:" in done.stderr
