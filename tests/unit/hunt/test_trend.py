"""What the headers of files say is believed no further than it makes sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leakhunt.agent.format import RunKind
from leakhunt.agent.graph_kinds import RootKind
from leakhunt.errors import SnapshotError, UsageError
from leakhunt.hunt import trend_files
from tests.stream_writer import Run, StreamWriter


def snapshot(folder: Path, number: int, items: int, **header: Any) -> Path:
    """A list below a root, with so many objects in it."""
    values: dict[str, Any] = {"sequence": number, "label": f"point {number}", **header}
    w = StreamWriter(values)
    list_ = w.type("builtins.list", base_size=56, run=RunKind.INDEX)
    thing = w.type("shop.Thing", address=0x10, base_size=48)
    addresses = [0x2000 + 0x40 * i for i in range(items)]
    w.node(0x1000, list_, runs=[Run(RunKind.INDEX, addresses)])
    for address in addresses:
        w.node(address, thing)
    w.root(RootKind.FRAME, "main", [Run(RunKind.INDEX, [0x1000])])
    path = folder / f"{number}.lkheap"
    w.write(path)
    return path


def ladder(folder: Path, *headers: dict[str, Any]) -> list[Path]:
    return [snapshot(folder, i, 10 + 20 * i, **header) for i, header in enumerate(headers)]


def test_cycles_of_the_headers(tmp_path: Path) -> None:
    trend = trend_files(ladder(tmp_path, {"cycles": 0}, {"cycles": 10}, {"cycles": 20}))
    assert (trend.unit, trend.holders[0].slope.rate) == ("cycle", 2.0)


@pytest.mark.parametrize("bad", [10**400, -1, True, "many", None, 1.5, [1]])
def test_cycles_that_are_none(tmp_path: Path, bad: Any) -> None:
    files = ladder(tmp_path, {"cycles": 0}, {"cycles": bad}, {"cycles": 20})
    trend = trend_files(files)
    assert (trend.unit, trend.holders[0].slope.rate) == ("snapshot", 20.0)
    with pytest.raises(UsageError, match="not every snapshot says"):
        trend_files(files, "cycle")


def test_minutes(tmp_path: Path) -> None:
    times = ["2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z", "2026-01-01T00:30:00Z"]
    files = ladder(tmp_path, *({"created": time} for time in times))
    assert trend_files(files, "minute").holders[0].slope.rate == pytest.approx(4 / 3)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (["2026-01-01T00:00:00Z"] * 3, "created in the same second"),
        (["never", "2026-01-01T00:00:00Z", "x"], "does not say when it was taken"),
        (["2026-01-01T00:00:00", "2026-01-01T00:10:00Z", "x"], "does not say when"),
    ],
)
def test_times_that_are_none(tmp_path: Path, times: list[str], message: str) -> None:
    files = ladder(tmp_path, *({"created": time} for time in times))
    with pytest.raises(UsageError, match=message):
        trend_files(files, "minute")


def test_files_of_one_process_in_the_wrong_order(tmp_path: Path) -> None:
    files = ladder(tmp_path, {}, {}, {})
    with pytest.raises(UsageError, match=r"0\.lkheap was taken before .*2\.lkheap"):
        trend_files([files[2], files[0], files[1]])


def test_processes_with_several_files_each(tmp_path: Path) -> None:
    headers = [
        {"process": {"pid": pid, "start_ticks": 1, "boot_id": "b", "uid": 0}, "cycles": cycles}
        for pid, cycles in ((1, 0), (1, 10), (2, 0), (2, 10))
    ]
    trend = trend_files(ladder(tmp_path, *headers))
    assert [point.run for point in trend.points] == [0, 0, 1, 1]
    assert trend.holders[0].slope.rate == 2.0
    assert "each in its own process" in trend.notes[0]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    files = ladder(tmp_path, {}, {}, {})
    data = files[1].read_bytes()
    files[1].write_bytes(data[: len(data) // 2])
    with pytest.raises(SnapshotError, match=r"1\.lkheap"):
        trend_files(files)
    with pytest.raises(SnapshotError, match="missing"):
        trend_files([files[0], tmp_path / "missing", files[2]])


def test_only_settled_snapshots_count(tmp_path: Path) -> None:
    files = ladder(tmp_path, {"cycles": 0}, {"label": "loaded"}, {"cycles": 20})
    with pytest.raises(UsageError, match=r"of these 3 only 2 are: 1\.lkheap \(loaded\) was taken"):
        trend_files(files)
    with pytest.raises(UsageError, match="3 or more snapshots, not 2"):
        trend_files(files[::2])
