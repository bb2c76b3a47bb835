"""Private folders of runs: gone with the run, and with the next one when a run was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leakhunt.errors import UsageError
from leakhunt.target.save_dir import prepare_save_dir
from leakhunt.target.work_folder import PREFIX, WorkFolder, remove_abandoned

HOLDER = (
    "import sys, time; from pathlib import Path; from leakhunt.target.work_folder import *\n"
    "one = WorkFolder(Path(sys.argv[1])); (one.path / 'big.lkheap').write_bytes(bytes(999))\n"
    "(one.path / 'pid-1').mkdir(); (one.path / 'pid-1' / 'x').touch()\n"
    "print(one.path, flush=True); time.sleep(60)"
)


class Run:
    """A run in another process."""

    def __init__(self, parent: Path) -> None:
        command = [sys.executable, "-c", HOLDER, str(parent)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.folder = Path(self.process.stdout.readline().strip())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def test_a_folder_is_private_and_goes(tmp_path: Path) -> None:
    with WorkFolder(tmp_path) as folder:
        assert folder.path.parent == tmp_path
        assert folder.path.stat().st_mode & 0o777 == 0o700
        (folder.path / "file").touch()
    assert list(tmp_path.iterdir()) == []
    folder.remove()


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    living, killed = Run(tmp_path), Run(tmp_path)
    try:
        killed.kill()
        assert killed.folder.exists()
        with WorkFolder(tmp_path) as own:
            assert {*tmp_path.iterdir()} == {own.path, living.folder}
        assert (living.folder / "big.lkheap").stat().st_size == 999
    finally:
        living.kill()


def test_a_removal_that_was_broken_off_is_ended_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = Run(tmp_path)
    killed.kill()

    def be_killed(path: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", be_killed)
        with pytest.raises(KeyboardInterrupt):
            remove_abandoned(tmp_path)
    remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_may_be_somebody_s_is_left_alone(tmp_path: Path) -> None:
    """No lock, others may look in, a file, a link, another name: none of them is a killed run."""
    elsewhere = tmp_path / "elsewhere"
    for folder, mode in (
        (tmp_path / f"{PREFIX}nolock", 0o700),
        (tmp_path / f"{PREFIX}open", 0o755),
        (tmp_path / "leakhunt", 0o700),
        (elsewhere, 0o700),
    ):
        folder.mkdir()
        folder.chmod(mode)
        if "nolock" not in folder.name:
            (folder / "lock").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    (tmp_path / f"{PREFIX}file").touch()
    os.mkfifo(tmp_path / f"{PREFIX}nolock" / "lock.new")
    before = {*tmp_path.rglob("*")}
    remove_abandoned(tmp_path)
    assert {*tmp_path.rglob("*")} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_the_folder_of_another_user_is_left_alone(tmp_path: Path) -> None:
    killed = Run(tmp_path)
    killed.kill()
    os.chown(killed.folder, 65534, 65534)
    remove_abandoned(tmp_path)
    assert killed.folder.exists()


def test_a_save_directory_of_a_killed_hunt_can_be_used_again(tmp_path: Path) -> None:
    run = Run(tmp_path)
    try:
        with pytest.raises(UsageError, match="another hunt is writing"):
            prepare_save_dir(tmp_path)
    finally:
        run.kill()
    assert list(prepare_save_dir(tmp_path).iterdir()) == []


def test_no_place_for_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no snapshot can be written"):
        WorkFolder(tmp_path / "missing")
