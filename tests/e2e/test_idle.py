"""The agent leaves no trace in what it measures: with no load nothing is born, nothing grows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leakhunt.agent.format import NodeFlag
from leakhunt.hunt import HuntOptions, hunt_scenario
from leakhunt.store.columns import SnapshotColumns
from leakhunt.store.reader import open_snapshot

pytestmark = pytest.mark.e2e

IDLE = {
    "plain": "def cycle(i): pass",
    "threads": (
        "import threading\nend = threading.Event()\n"
        "def setup(): threading.Thread(target=end.wait).start()\n"
        "def cycle(i): pass\n"
        "def settle(): pass\n"
        "def teardown(): end.set()"
    ),
    "async": "import asyncio\nasync def cycle(i): await asyncio.sleep(0)",
}
REMADE_EACH_RUN = {"builtins._RunningLoopHolder"}
"""One that the event loop makes anew each time it is started (3.11): one in place of another."""


def born(columns: SnapshotColumns) -> set[str]:
    marked = np.flatnonzero(columns.node_flags & NodeFlag.BORN)
    return {columns.type_string(int(columns.node_type[v])) for v in marked}


@pytest.mark.parametrize("capture", ["in-process", "fork"])
@pytest.mark.parametrize("kind", sorted(IDLE))
def test_an_idle_scenario_has_delta_zero(
    kind: str, capture: str, python: Path, tmp_path: Path
) -> None:
    scenario = tmp_path / "idle.py"
    scenario.write_text(IDLE[kind])
    saved = tmp_path / "saved"
    report = hunt_scenario(
        HuntOptions(scenario, cycles=600, python=python, save_dir=saved, capture=capture)
    )
    assert (report.errors, report.findings, report.verdict) == ((), (), "NOT")
    assert report.rate_bytes == 0
    assert report.rate_objects == 0
    wrong = [row for row in report.growth if row.count_delta or row.bytes_delta]
    assert wrong == []
    assert {snapshot.mode for snapshot in report.snapshots} == {capture}
    for label in ("window", "loaded", "final"):
        columns = open_snapshot(saved / f"{label}.lkheap")
        assert born(columns) <= REMADE_EACH_RUN
        assert len(columns.unreached_address) == 0
    descriptors = {report.memory[f"descriptors_{label}"] for label in ("baseline", "final")}
    assert len(descriptors) == 1


def test_an_idle_scenario_has_no_trend_and_hashes_leave_no_trace(
    python: Path, tmp_path: Path
) -> None:
    scenario = tmp_path / "idle.py"
    scenario.write_text(IDLE["plain"])
    report = hunt_scenario(HuntOptions(scenario, cycles=100, python=python, ladder=4, content=True))
    assert (report.errors, report.findings, report.rate_bytes) == ((), (), 0)
    assert report.trend is not None
    assert (report.trend.holders, report.trend.types) == ((), ())
    assert len({point.objects for point in report.trend.points}) == 1
    assert len({point.bytes for point in report.trend.points}) == 1
