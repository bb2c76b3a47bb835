"""The tree of awaits of a real event loop."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from leakhunt.hunt import HuntOptions, hunt_scenario
from leakhunt.hunt.tasks import list_tasks
from leakhunt.report.tasks_model import WaitGroup, tasks_to_json
from leakhunt.report.text.tasks_screen import render_tasks

SCENARIO = """
import asyncio

KEPT = set()
READY = asyncio.Event()


async def forgotten():
    await asyncio.get_running_loop().create_future()


async def gathers():
    await asyncio.gather(forgotten(), forgotten())


async def ready():
    await READY.wait()


async def outer():
    await asyncio.create_task(ready())


async def sleeps():
    await asyncio.sleep(3600)


async def cycle(i):
    for coroutine in (gathers(), outer(), sleeps()):
        KEPT.add(asyncio.create_task(coroutine))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
"""

pytestmark = pytest.mark.e2e


@pytest.fixture
def saved(tmp_path: Path, python: Path) -> Path:
    scenario = tmp_path / "waits.py"
    scenario.write_text(SCENARIO)
    folder = tmp_path / "saved"
    hunt_scenario(
        HuntOptions(scenario, cycles=4, warmup=1, python=python, save_dir=folder, settle_max_s=0.5)
    )
    return folder


def by_function(groups: Sequence[WaitGroup]) -> dict[str, WaitGroup]:
    return {group.stack[0].partition(" ")[0]: group for group in groups}


def test_a_tree_of_awaits(saved: Path) -> None:
    report = list_tasks(saved)
    assert (report.count, report.stuck) == (5 * 6, 5 * 3)
    top = by_function(report.groups)
    assert set(top) == {"forgotten", "ready", "sleeps"}
    assert {name: group.state for name, group in top.items()} == {
        "forgotten": "stuck",
        "ready": "waits",
        "sleeps": "waits",
    }
    assert top["forgotten"].count == 10
    (gathering,) = top["forgotten"].waiting
    assert (gathering.state, gathering.count) == ("stuck", 5)
    assert top["ready"].wakers == ("`waits.READY.set()`",)
    (outer,) = top["ready"].waiting
    assert (outer.stack[0].partition(" ")[0], outer.count) == ("outer", 5)
    assert top["sleeps"].wakers == ("a timer that is due later",)
    screen = render_tasks(report)
    assert "30 unfinished tasks, 15 stuck" in screen
    groups: list[dict[str, Any]] = json.loads(tasks_to_json(report))["groups"]
    assert [groups[g["waits_for"]]["count"] for g in groups if g["waits_for"] is not None]


def test_the_command(saved: Path) -> None:
    command = [sys.executable, "-m", "leakhunt", "tasks", str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "waits.READY.set()" in done.stdout
    assert done.stderr == ""
