"""``leakhunt export``: which files become which."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from leakhunt.cli import main
from leakhunt.errors import LeakhuntError, UsageError
from leakhunt.hunt.export import check_heapsnapshots, export_heapsnapshots
from leakhunt.target.progress import Progress
from tests.fuzz.seeds import rich_stream
from tests.heapsnapshot_view import view
from tests.stream_writer import HEADER


def snapshot(path: Path, label: str, sequence: int, **changes: Any) -> Path:
    """A snapshot file; all have the same objects."""
    writer = rich_stream()
    identity = {**HEADER["identity"], **changes.pop("identity", {})}
    writer.header.update(label=label, sequence=sequence, identity=identity, **changes)
    return writer.write(path)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """What ``hunt --save`` keeps."""
    folder = tmp_path / "case"
    folder.mkdir()
    for i, label in enumerate(("baseline", "window", "loaded", "final")):
        since = {"since": "window"} if label == "loaded" else {}
        snapshot(folder / f"{label}.lkheap", label, i, identity=since)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_file_becomes_one_file(case: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.heapsnapshot"
    (written,) = export_heapsnapshots([case / "final.lkheap"], out)
    assert written.path == out
    assert check_heapsnapshots([out])[0].node_count == written.node_count


def test_a_folder_becomes_a_folder_without_the_window(case: Path, tmp_path: Path) -> None:
    written = export_heapsnapshots([case], tmp_path / "out")
    assert [w.path.name.split(".")[0] for w in written] == ["baseline", "loaded", "final"]
    assert len(names(tmp_path / "out")) == 3
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    first, *later = ({node.id for node in view(w.path).nodes} for w in written)
    born = [len(ids - first) for ids in later]
    assert 0 < born[0] < len(first)  # some nodes of the stream are marked as born


def test_a_window_is_written_when_it_is_named(case: Path, tmp_path: Path) -> None:
    files = [case / "window.lkheap", case / "final.lkheap"]
    export_heapsnapshots(files, tmp_path / "out")
    assert names(tmp_path / "out") == ["final.heapsnapshot"]


def test_the_window_beside_is_read_where_births_need_it(case: Path, tmp_path: Path) -> None:
    told: list[str] = []
    files = [case / "baseline.lkheap", case / "loaded.lkheap"]
    export_heapsnapshots(files, tmp_path / "out", lambda step: told.append(step.phase))
    assert [phase for phase in told if phase.startswith("reading")] == [
        "reading baseline.lkheap", "reading window.lkheap", "reading loaded.lkheap",
    ]  # fmt: skip


def test_files_of_one_name_are_numbered(tmp_path: Path) -> None:
    files = []
    for i, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        files.append(snapshot(tmp_path / folder / "x.lkheap", f"label {i}", i))
    export_heapsnapshots(files, tmp_path / "out")
    assert names(tmp_path / "out") == ["1-x.heapsnapshot", "2-x.heapsnapshot"]


def test_each_worker_of_a_hunt_gets_a_folder(case: Path, tmp_path: Path) -> None:
    family = tmp_path / "family"
    for pid in (11, 12):
        shutil.copytree(case, family / f"pid-{pid}")
    (family / "report.json").touch()
    written = export_heapsnapshots([family], tmp_path / "out")
    assert len(written) == 6
    assert names(tmp_path / "out") == ["pid-11", "pid-12"]
    assert names(tmp_path / "out" / "pid-12") == [
        "baseline.heapsnapshot", "final.heapsnapshot", "loaded.heapsnapshot",
    ]  # fmt: skip


def test_what_cannot_be_exported(case: Path, tmp_path: Path) -> None:
    other = snapshot(tmp_path / "other.lkheap", "x", 9, process={"pid": 2})
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    final, baseline = case / "final.lkheap", case / "baseline.lkheap"
    out = tmp_path / "out"
    for sources, target, problem in (
        ([], out, "nothing to export"),
        ([tmp_path / "empty"], out, "there is no snapshot in"),
        ([tmp_path / "missing"], out, "there is no snapshot file"),
        ([baseline, other], out, "of different processes"),
        ([final, baseline], out, "was taken before"),
        ([final], tmp_path / "x.json", "does not end with .heapsnapshot"),
        ([final], case, "is a directory"),
        ([final], Path("/dev/null"), "is no regular file"),
        ([case], tmp_path / "file", "is a file, but several snapshots need a directory"),
        ([case], tmp_path / "file" / "x", "cannot make the directory"),
    ):
        with pytest.raises(LeakhuntError, match=problem) as caught:
            export_heapsnapshots(sources, target)
        assert caught.value.hint, problem
    with pytest.raises(UsageError, match="no regular file"):
        check_heapsnapshots([Path("/dev/null")])


def test_a_damaged_snapshot_in_the_folder_is_named(case: Path, tmp_path: Path) -> None:
    (case / "loaded.lkheap").write_bytes(b"nonsense")
    with pytest.raises(LeakhuntError, match=r"loaded\.lkheap is not a snapshot"):
        export_heapsnapshots([case], tmp_path / "out")


def test_progress_is_counted(case: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    export_heapsnapshots([case / "final.lkheap"], tmp_path / "x.heapsnapshot", told.append)
    assert told[0] == Progress("reading final.lkheap")
    assert told[-1].phase == "writing x strings"
    assert told[-1].done == told[-1].total is not None


def test_the_command(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["export", str(case), "-o", str(out)]) == 0
    text, err = capsys.readouterr()
    assert text.count("\n") == 3
    assert f"{out}/final.heapsnapshot: " in text
    assert err == ""
    assert main(["export", "--check", *map(str, sorted(out.iterdir()))]) == 0
    assert capsys.readouterr().out.count("nothing is wrong") == 3


def test_the_command_as_json(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.heapsnapshot"
    assert main(["export", str(case / "final.lkheap"), "--output", str(out), "--json"]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert file["path"] == str(out)
    assert file["file_bytes"] == out.stat().st_size
    assert main(["export", "--check", str(out), "--json"]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert file["is_ours"] is True


def test_the_command_needs_a_place(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(case)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "it is not said where to write" in err


def test_a_damaged_export_is_a_clean_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.heapsnapshot"
    path.write_text('{"snapshot":{}}')
    assert main(["export", "--check", str(path)]) == 2
    assert f"error: {path}: the snapshot object has no meta object" in capsys.readouterr().err
