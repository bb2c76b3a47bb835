"""A ladder of real snapshots: what grows in every step and what only looks like it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from leakhunt.cli import main
from leakhunt.errors import UsageError
from leakhunt.hunt import HuntOptions, hunt_scenario, trend_files
from leakhunt.report.schema import load_schema

pytestmark = pytest.mark.e2e

SHAPES = """
import collections

class Session:
    def __init__(self, i):
        self.log = [str(i) * 3]

class Bus:
    pass

class Node:
    next = None

BUS = Bus()
BUS.listeners = {"tick": [], "tock": []}
WARM, SAW = {}, []
RING = collections.deque()
QUEUE = []
HEAD = None
COUNTS = []

def cycle(i):
    global HEAD
    BUS.listeners["tick"].append(Session(i))
    node = Node()
    node.next, HEAD = HEAD, node
    COUNTS.append(None)
    if i < 70:
        WARM[f"lazy {i}"] = Session(i)
    SAW.append(Session(i))
    if i % 173 == 172:
        SAW.clear()
    RING.append(Session(i))
    if len(RING) > 75:
        RING.popleft()
    QUEUE.append(Session(i))

def settle():
    QUEUE.clear()
"""
GROWS = {"shapes.BUS.listeners['tick']", "shapes.HEAD", "shapes.COUNTS"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ladder")
    (folder / "shapes.py").write_text(SHAPES)
    return folder


def test_a_hunt_with_a_ladder(kept: Path, python: Path) -> None:
    saved = kept / python.parent.parent.name
    report = hunt_scenario(
        HuntOptions(kept / "shapes.py", cycles=60, python=python, ladder=5, save_dir=saved)
    )
    assert report.errors == ()
    by_path = {finding.holder.path: finding for finding in report.findings}
    leaks = {path for path, one in by_path.items() if one.verdict == "LEAK"}
    assert leaks == GROWS
    assert "in each of 5 steps" in by_path["shapes.HEAD"].reason
    assert all(one.verdict != "SUSPECT" or path == "shapes.SAW" for path, one in by_path.items())
    trend = report.trend
    assert trend is not None
    assert {one.path for one in trend.holders} == GROWS
    assert [point.x for point in trend.points] == [0, 60, 120, 180, 240, 300]
    for one in trend.holders:
        assert (one.slope.rate, one.slope.r2) == (1.0, 1.0)
    assert [one.label for one in report.snapshots][3:] == [
        "final", "ladder2", "ladder3", "ladder4", "ladder5",
    ]  # fmt: skip
    # the normal report is that of the first sixty cycles
    row = next(row for row in report.growth if row.type == "shapes.Session")
    assert (report.cycles, row.count_loaded - row.count_final) == (60, 80)


def test_the_trend_of_the_saved_files_is_that_of_the_hunt(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = kept / "again"
    options = HuntOptions(kept / "shapes.py", cycles=60, ladder=3, save_dir=saved)
    report = hunt_scenario(options)
    assert report.trend is not None
    names = ("baseline", "window", "loaded", "final", "ladder2", "ladder3")
    code = main(["trend", *(str(saved / f"{name}.lkheap") for name in names), "--json"])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    value: dict[str, Any] = json.loads(out)
    Draft202012Validator(load_schema(name="trend")).validate(value)
    assert value["trend"]["holders"] == json.loads(
        (saved / "report.json").read_text()
    )["trend"]["holders"]  # fmt: skip
    assert "1 snapshot inside a load was left out" in value["trend"]["notes"][0]
    assert main(["trend", *(str(saved / f"{name}.lkheap") for name in names)]) == 0
    assert "shapes.BUS.listeners['tick']" in capsys.readouterr().out


def test_restarts_of_a_program_compare(kept: Path) -> None:
    finals = []
    for cycles in (30, 60, 90):
        saved = kept / f"run{cycles}"
        hunt_scenario(HuntOptions(kept / "shapes.py", cycles=cycles, save_dir=saved))
        finals.append(saved / "final.lkheap")
    trend = trend_files(finals)
    found = {one.path: one.slope.rate for one in trend.holders}
    assert found.keys() >= GROWS
    assert {found[path] for path in GROWS} == {1.0}
    assert "3 processes" in trend.notes[0]
    assert trend_files(finals, "snapshot").holders[0].slope.rate == 30.0
    with pytest.raises(UsageError, match="3 or more snapshots"):
        trend_files(finals[:2])
    with pytest.raises(UsageError, match="not in order"):
        trend_files(finals[::-1])


FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios"


@pytest.mark.slow
@pytest.mark.parametrize(
    "scenario", sorted((FIXTURES / "healthy").glob("*.py")), ids=lambda p: p.stem
)
def test_nothing_healthy_climbs_a_ladder(scenario: Path) -> None:
    report = hunt_scenario(HuntOptions(scenario, cycles=150, ladder=4))
    assert (report.verdict, report.errors) == ("NOT", ())
    assert report.trend is not None
    assert [one.path for one in report.trend.holders if one.noise is None] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "scenario", sorted(FIXTURES.glob("c*/leaky.py")), ids=lambda p: p.parent.name
)
def test_a_ladder_hides_no_leak(scenario: Path) -> None:
    report = hunt_scenario(HuntOptions(scenario, cycles=150, ladder=4))
    assert (report.verdict, report.errors) == ("LEAK", ())
