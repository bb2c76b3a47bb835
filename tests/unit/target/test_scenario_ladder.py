"""Scenarios whose load is run again for each point of a ladder."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from leakhunt.target.progress import Progress

ALL = ["baseline", "window", "loaded", "final"]


LADDER = [*ALL, "ladder2", "ladder3"]


def test_a_ladder_runs_the_load_again_for_each_point(run_scenario: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"""
def note(word):
    with open({str(log)!r}, "a") as file: print(word, file=file)
def cycle(i): note(i)
def settle(): note("settle")
"""
    seen: list[Progress] = []
    outcome = run_scenario(text, seen.append, cycles=3, warmup=1, ladder=3)
    assert (outcome.errors, outcome.notes) == ((), ())
    assert list(outcome.path_by_label) == LADDER
    assert outcome.cycles_done == 3
    assert " ".join(log.read_text().split()) == "0 1 2 3 settle 4 5 6 settle 7 8 9 settle"
    headers = {name: json.loads((tmp_path / f"{name}.copy").read_text()) for name in LADDER}
    assert [headers[name]["cycles"] for name in LADDER] == [0, 1, 3, 3, 6, 9]
    assert [headers[name]["sequence"] for name in LADDER] == [0, 1, 2, 3, 4, 5]
    assert [headers[name]["identity"]["since"] for name in LADDER[3:]] == ["loaded"] * 3
    loads = {(one.done, one.total) for one in seen if one.phase == "load"}
    assert all(total == 9 for _, total in loads)


def test_an_exception_on_the_ladder_keeps_what_came_before(run_scenario: Any) -> None:
    outcome = run_scenario(
        "def cycle(i):\n    if i == 14: raise KeyError('late')", warmup=3, ladder=3
    )
    assert list(outcome.path_by_label) == ALL
    assert outcome.cycles_done == 9
    assert "cycle 14 (load, 12 of 27) raised KeyError" in outcome.errors[0]


def test_a_target_that_dies_on_the_ladder(run_scenario: Any) -> None:
    outcome = run_scenario(
        "import os\ndef cycle(i):\n    if i == 25: os._exit(7)", warmup=3, ladder=3
    )
    assert list(outcome.path_by_label) == LADDER[:-1]
    assert outcome.cycles_done == 9
    assert "exited with status 7 during cycle 25 (load, 23 of 27)" in outcome.errors[0]


def test_a_full_disk_on_the_ladder(run_scenario: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_AGENT", f"errno:ladder:{errno.ENOSPC}")
    outcome = run_scenario("def cycle(i): pass", ladder=3)
    assert list(outcome.path_by_label) == ALL
    assert "during the capture of the ladder2 snapshot" in outcome.errors[0]


def test_headers_after_a_failure_count_the_cycles_that_were_done(
    run_scenario: Any, tmp_path: Path
) -> None:
    run_scenario("def cycle(i):\n    if i == 8: raise OSError", warmup=3, ladder=2)
    for name, cycles in (("baseline", 0), ("window", 3), ("loaded", 5), ("final", 5)):
        assert json.loads((tmp_path / f"{name}.copy").read_text())["cycles"] == cycles
