"""The in-process API: snapshots at moments that the program chooses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leakhunt import UsageError, diff_files, open_snapshot
from leakhunt.agent.format import Fact

PROGRAM = """
import sys
from leakhunt.agent import snapshots

KEPT = [object() for _ in range(10)]

def work(n):
    for _ in range(n):
        KEPT.append({"number": n})

folder, watched = sys.argv[1], sys.argv[2] == "watched"
if watched:
    print(snapshots.watch()["method"])
snapshots.capture(folder + "/a.lkheap", label="baseline")
work(300)
snapshots.capture(folder + "/b.lkheap", label="loaded")
snapshots.capture(folder + "/c.lkheap", label="final", redact=not watched)
if watched:
    print(snapshots.unwatch()["restored"])
"""


def take(folder: Path, how: str) -> list[Path]:
    subprocess.run([sys.executable, "-c", PROGRAM, str(folder), how], check=True, timeout=60)
    return [folder / f"{name}.lkheap" for name in "abc"]


def test_a_watched_program_is_compared_exactly(tmp_path: Path) -> None:
    report = diff_files(take(tmp_path, "watched"), cycles=300)
    assert report.identity.exact
    finding = report.findings[0]
    assert finding.holder.path == "__main__.KEPT"
    assert (finding.holder.size_baseline, finding.holder.size_final) == (10, 310)
    assert finding.count_per_cycle == 1


def test_without_watching_births_are_inferred_and_said_to_be(tmp_path: Path) -> None:
    report = diff_files(take(tmp_path, "unwatched"))
    assert not report.identity.exact
    assert "inferred" in report.identity.note


def test_a_redacted_snapshot_holds_no_keys(tmp_path: Path) -> None:
    *_, redacted = take(tmp_path, "unwatched")
    columns = open_snapshot(redacted)
    texts = {columns.string(i) for i in range(len(columns.string_node))}
    assert "number" not in texts
    assert "builtins.dict" in texts
    assert int(Fact.LINE) in set(columns.fact_id.tolist())


FORKED = """
import sys
from leakhunt.agent import snapshots

snapshots.watch()
for name in "ab":
    snapshots.capture(f"{sys.argv[1]}/{name}.lkheap", label=name, mode="fork")
try:
    snapshots.capture(sys.argv[1] + "/c.lkheap", mode="both")
except ValueError as exc:
    print(exc)
"""


def test_a_child_can_write_the_snapshot(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FORKED, str(tmp_path)]
    done = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout == "mode both: say in-process, fork or auto\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.lkheap", "b.lkheap"]
    columns = open_snapshot(tmp_path / "b.lkheap")
    assert columns.header["mode"] == columns.footer["mode"] == "fork"
    assert columns.footer["predicted_walk_ns"] > columns.footer["predicted_fork_ns"] > 0
    assert columns.footer["fork_refused"] == ""


def test_snapshots_of_two_processes_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first, *_ = take(tmp_path / "one", "unwatched")
    *_, last = take(tmp_path / "two", "unwatched")
    with pytest.raises(UsageError, match="process"):
        diff_files([first, last])
