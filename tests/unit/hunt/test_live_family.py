"""Hunts of a program that is started, and of a process with its workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.hunt import LiveOptions, diff_files, hunt_live
from leakhunt.report.model import Report
from leakhunt.target.family import Children
from leakhunt.target.readiness import parse_ready
from tests.unit.hunt.fake_agent import FakeReach
from tests.unit.hunt.hunting import leak, options

pytestmark = pytest.mark.usefixtures("quick")


# --- a program that is started ---------------------------------------------------------------

SERVE = "import time; print('ready', flush=True); time.sleep({seconds}); raise SystemExit({code})"


def program(reach: FakeReach, code: str, **more: Any) -> LiveOptions:
    return LiveOptions(
        command=(sys.executable, "-c", code), ready=parse_ready("line:ready"), settle_max_s=1.0,
        load=leak(reach, 50), **more,
    )  # fmt: skip


def test_a_program_is_started_hunted_and_ended(reach: FakeReach, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    code = SERVE.format(seconds=60, code=0)
    report = hunt_live(program(reach, code, save_dir=saved), reach=reach)
    assert (report.verdict, report.errors) == ("LEAK", ())
    assert report.target["command"] == [sys.executable, "-c", code]
    assert (report.target["is_launched"], report.target["exit_status"]) == (True, -15)
    assert (saved / "output.log").read_text() == "ready\n"
    assert json.loads((saved / "report.json").read_text())["verdict"] == "LEAK"
    files = [saved / f"{label}.lkheap" for label in ("baseline", "loaded", "final")]
    assert diff_files(files, cycles=150).verdict == "LEAK"


def test_a_program_that_ends_by_itself(reach: FakeReach) -> None:
    wanted = program(reach, SERVE.format(seconds=4, code=7))
    wanted = replace(wanted, load=leak(reach, 50) + "; sleep 1")
    report = hunt_live(wanted, reach=reach)
    assert any("exited with status 7" in error for error in report.errors)
    assert report.target["exit_status"] == 7


# --- a family --------------------------------------------------------------------------------

FAMILY = """
import os, sys, time
for _ in range({workers}):
    if os.fork() == 0:
        time.sleep(60)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def family() -> Iterator[int]:
    code = FAMILY.format(workers=3)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    ) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started.pid
        os.killpg(started.pid, 9)


def test_workers_are_hunted_side_by_side(family: int, reach: FakeReach) -> None:
    report = hunt_live(options(family, load=leak(reach, 90)), reach=reach)
    assert len(reach.agents) == 4
    assert (report.verdict, report.cycles, len(report.workers)) == ("LEAK", 270, 4)
    (found,) = report.findings
    assert found.workers is not None
    assert (found.workers.count, found.workers.of) == (4, 4)
    assert found.count_per_cycle == 4.0
    assert "in 4 of 4 processes" in found.title
    assert "+4 `shop.Thing` per cycle" in found.title
    assert [one.is_root for one in report.workers] == [True, False, False, False]


def test_a_worker_that_is_out_of_reach_is_said(family: int, reach: FakeReach) -> None:
    from leakhunt.target.family import find_family

    workers = [one.pid for one in find_family(family, Children.AUTO)]
    reach.refused.add(workers[1])
    report = hunt_live(options(family, load=leak(reach, 90)), reach=reach)
    assert report.findings[0].workers is not None
    assert report.findings[0].workers.of == 3
    assert any(f"process {workers[1]}" in error for error in report.errors)
    assert len(report.workers) == 4


def test_a_worker_that_dies_during_the_hunt(family: int, reach: FakeReach) -> None:
    from leakhunt.target.family import find_family

    victim = find_family(family, Children.AUTO)[2].pid
    line = leak(reach, 90) + f"; test $(wc -c < {reach.work}) -lt 200 || kill -9 {victim}"
    report = hunt_live(options(family, load=line), reach=reach)
    assert any(f"process {victim}" in error for error in report.errors)
    assert report.findings[0].workers is not None
    assert (report.findings[0].workers.count, report.findings[0].workers.of) == (3, 3)
    assert victim in {one.pid for one in report.workers}


def test_only_the_process_itself(family: int, reach: FakeReach) -> None:
    wanted = options(family, load=leak(reach, 90), children=Children.NONE)
    report = hunt_live(wanted, reach=reach)
    assert (list(reach.agents), report.workers) == ([family], ())


def test_forks_during_the_hunt_are_said(reach: FakeReach) -> None:
    code = "import os, time\nprint('ready', flush=True)\ntime.sleep(1.5)\n" + FAMILY.format(
        workers=1
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    ) as started:
        try:
            assert started.stdout is not None
            started.stdout.readline()
            wanted = options(started.pid, load=leak(reach, 50) + "; sleep 1")
            report = hunt_live(wanted, reach=reach)
        finally:
            os.killpg(started.pid, 9)
    assert any("forked during the hunt" in note for note in report.notes)


def test_the_snapshots_of_a_family_are_kept_apart(
    family: int, reach: FakeReach, tmp_path: Path
) -> None:
    saved = tmp_path / "saved"
    for _ in range(2):
        report: Report = hunt_live(
            options(family, load=leak(reach, 90), save_dir=saved), reach=reach
        )
        reach.agents.clear()
    folders = sorted(entry.name for entry in saved.iterdir() if entry.is_dir())
    assert folders == sorted(f"pid-{one.pid}" for one in report.workers)
    files = [saved / folders[0] / f"{label}.lkheap" for label in ("baseline", "loaded", "final")]
    assert diff_files(files, cycles=67).findings
