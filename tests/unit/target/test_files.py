from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from leakhunt.errors import UsageError
from leakhunt.target.save_dir import keep_snapshots, prepare_save_dir
from leakhunt.target.scenario_file import check_scenario_file


def test_a_scenario_file_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop-load.py").touch()
    monkeypatch.chdir(tmp_path)
    assert check_scenario_file(Path("shop-load.py")) == tmp_path / "shop-load.py"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.py", "does not exist"),
        ("dangling.py", "is a dangling link"),
        ("folder.py", "is a directory"),
        ("pipe.py", "is no regular file"),
        ("notes.txt", r"does not end in \.py"),
        ("json.py", "would hide the standard module 'json'"),
        ("a.b.py", "cannot be imported under the name 'a.b'"),
    ],
)
def test_what_is_no_scenario_file(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "dangling.py").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.py")
    for file in ("notes.txt", "json.py", "a.b.py"):
        (tmp_path / file).touch()
    with pytest.raises(UsageError, match=message) as caught:
        check_scenario_file(tmp_path / name)
    assert caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_scenario_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.py"
    path.touch(mode=0o000)
    with pytest.raises(UsageError, match="cannot be read"):
        check_scenario_file(path)


def test_a_save_directory_is_made_private(tmp_path: Path) -> None:
    folder = prepare_save_dir(tmp_path / "a" / "b")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(folder.iterdir()) == []


def test_a_directory_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        prepare_save_dir(tmp_path)


def test_a_directory_of_an_earlier_hunt_is_used_again(tmp_path: Path) -> None:
    old = ("baseline.lkheap", "window.lkheap", "final.lkcols", "final.lkheap.lkcols", "report.json",
           "final.lkheap.lkcache")  # fmt: skip
    for name in old:
        (tmp_path / name).write_text("old")
    folder = prepare_save_dir(tmp_path)
    run = tmp_path / ".run"
    run.mkdir()
    (run / "baseline.lkheap").write_text("new")
    kept = keep_snapshots(folder, {"baseline": run / "baseline.lkheap"})
    assert kept == {"baseline": tmp_path / "baseline.lkheap"}
    assert kept["baseline"].read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".run", "baseline.lkheap"]


def test_a_file_in_place_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is not a directory"):
        prepare_save_dir(tmp_path / "file")


def test_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be used"):
        prepare_save_dir(tmp_path / "file" / "below")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_without_write_permission(tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o500)
    with pytest.raises(UsageError, match="cannot be written"):
        prepare_save_dir(folder)


def test_a_file_system_that_refuses_new_files() -> None:
    with pytest.raises(UsageError, match="cannot be"):
        prepare_save_dir(Path("/proc/leakhunt"))
