"""A directory that a hunt filled is taken by every command that reads snapshots or reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leakhunt.cli import main
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.hunt import HuntOptions, hunt_scenario

pytestmark = pytest.mark.e2e

SCENARIO = """
KEPT = []

def cycle(i):
    KEPT.append([str(i)])
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    scenario = folder / "keeps.py"
    scenario.write_text(SCENARIO)
    options = HuntOptions(scenario, cycles=60, warmup=6, ladder=3, save_dir=folder / "out")
    hunt_scenario(options)
    return folder / "out"


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    capsys.readouterr()
    code = main([*map(str, arguments), "--json"])
    assert code in (ExitCode.NO_LEAK, ExitCode.LEAK)
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", ["analyse", "waste", "tasks"])
def test_the_final_snapshot_is_meant(
    saved: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    of_folder = answer(capsys, command, saved)
    of_file = answer(capsys, command, saved / "final.lkheap")
    for varying in ("file", "cache", "timings_ns"):
        of_folder.pop(varying, None), of_file.pop(varying, None)
    of_folder.pop("is_cached", None), of_file.pop("is_cached", None)
    assert of_folder == of_file


def test_a_trend_takes_the_ladder_in_order_of_time(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = answer(capsys, "trend", saved)["trend"]["points"]
    labels = ["baseline", "final", "ladder2", "ladder3"]
    assert [point["label"] for point in points] == labels
    assert [point["x"] for point in points] == [0, 60, 120, 180]


def test_a_diff_says_what_the_hunt_said(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = json.loads((saved / "report.json").read_text())
    again = answer(capsys, "diff", saved)
    assert again["verdict"] == before["verdict"] == "LEAK"
    assert again["cycles"] == before["cycles"] == 60
    for report in (before, again):
        assert report["findings"][0]["holder"]["path"] == "keeps.KEPT"


def test_its_report_is_accepted(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (added,) = answer(capsys, "accept", saved, "--into", tmp_path / "known.json")
    assert added["holder"] == "keeps.KEPT"


@pytest.mark.parametrize("command", ["analyse", "waste", "tasks", "trend", "diff"])
def test_another_directory_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, str(tmp_path)]) == ExitCode.USAGE
    assert "leakhunt hunt --save DIR filled" in capsys.readouterr().err
