"""One snapshot of a process that runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leakhunt.errors import UsageError
from leakhunt.hunt import SnapshotOptions, diff_files, snapshot_process
from leakhunt.hunt.plan import plan_snapshot
from leakhunt.store.reader import open_snapshot
from tests.unit.hunt.fake_agent import FakeReach
from tests.unit.hunt.hunting import KEPT

pytestmark = pytest.mark.usefixtures("quick")


def test_a_snapshot(target: int, reach: FakeReach, tmp_path: Path) -> None:
    reach.work.write_bytes(b"x" * 5)
    path = tmp_path / "now.lkheap"
    taken = snapshot_process(SnapshotOptions(target, path, label="now", redact=True), reach=reach)
    assert (taken.result.path, taken.result.pause_ns) == (path, 1_500_000)
    columns = open_snapshot(path)
    assert (columns.header["label"], columns.header["redaction"]) == ("now", "hash")
    assert [one.kind for one in taken.interventions] == ["attach", "capture", "detach"]


def test_two_snapshots_can_be_compared(target: int, tmp_path: Path, reach: FakeReach) -> None:
    paths = [tmp_path / "a.lkheap", tmp_path / "b.lkheap"]
    for size, path in zip((10, 60), paths, strict=True):
        reach.work.write_bytes(b"x" * size)
        reach.agents.clear()
        snapshot_process(SnapshotOptions(target, path), reach=reach)
    report = diff_files(paths)
    assert report.findings[0].holder.path == KEPT


@pytest.mark.parametrize("name", ["missing/a.lkheap", "."])
def test_no_place_for_a_snapshot(target: int, tmp_path: Path, name: str, reach: FakeReach) -> None:
    with pytest.raises(UsageError):
        snapshot_process(SnapshotOptions(target, tmp_path / name), reach=reach)
    assert reach.agents == {}


def test_a_snapshot_takes_the_place_of_no_device(
    target: int, tmp_path: Path, reach: FakeReach
) -> None:
    """For root a new file would replace /dev/null."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        options = SnapshotOptions(target, path)
        with pytest.raises(UsageError, match="no regular file"):
            snapshot_process(options, reach=reach)
        with pytest.raises(UsageError, match="no regular file"):
            plan_snapshot(options)
    assert pipe.is_fifo()
    assert reach.agents == {}


def test_a_snapshot_goes_to_the_end_of_a_link(
    target: int, tmp_path: Path, reach: FakeReach
) -> None:
    link = tmp_path / "link.lkheap"
    link.symlink_to(tmp_path / "real.lkheap")
    taken = snapshot_process(SnapshotOptions(target, link), reach=reach)
    assert taken.result.path == tmp_path / "real.lkheap"
    assert link.is_symlink()
