"""Red flags of real processes: a healthy one, and one with much wrong."""

from __future__ import annotations

import json
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

pytestmark = pytest.mark.e2e


def lights(pid: int) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "doctor", str(pid), "--duration", "4", "--json"],
        capture_output=True,
        timeout=120,
        check=False,
    )
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


def test_a_process_that_is_not_there_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "doctor", "999999999"], capture_output=True, check=False
    )
    assert done.returncode in {2, 3}
    assert b"hint:" in done.stderr
