"""Full disks, read-only directories, resource limits: one clear answer each."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import UsageError
from leakhunt.hunt import HuntOptions, diff_files, hunt_scenario

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.e2e

LEAKY = "HELD = []\ndef cycle(i): HELD.append(bytearray(100))\n"


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "grows.py"
    path.write_text(LEAKY)
    return path


def run_tool(
    scenario: Path, python: Path, *options: str, limit: Callable[[], None] | None = None, **env: str
) -> tuple[int, dict[str, Any], str]:
    """Exit code, report ({} without one) and stderr of ``leakhunt hunt --json``."""
    command = [sys.executable, "-m", "leakhunt", "hunt", "--json", "--python", str(python)]
    done = subprocess.run(
        [*command, "--scenario", str(scenario), *options],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        preexec_fn=limit,
        timeout=120,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def small_disk(folder: Path, kilobytes: int) -> bool:
    """Mount a small tmpfs; False when we may not."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a file system of so many KiB."""
    mounted: list[Path] = []

    def make(kilobytes: int) -> Path:
        folder = tmp_path / "disk"
        if not small_disk(folder, kilobytes):
            pytest.skip("file systems cannot be mounted here")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_too_small_for_the_first_snapshot(
    scenario: Path, python: Path, disk: Callable[[int], Path]
) -> None:
    code, report, said = run_tool(scenario, python, TMPDIR=str(disk(200)))
    assert code == 3
    assert report == {} or report["errors"]
    assert "No space left on device" in said
    assert "Traceback" not in said


def test_a_disk_that_fills_up_keeps_what_was_written(
    scenario: Path, python: Path, disk: Callable[[int], Path]
) -> None:
    folder = disk(1800)
    code, report, said = run_tool(scenario, python, "--save", str(folder / "kept"))
    assert code == 3, said
    assert any("No space left on device" in error for error in report["errors"])
    assert report["snapshots"][0]["label"] == "baseline"
    assert "Traceback" not in said
    assert (folder / "kept" / "baseline.lkheap").stat().st_size > 100_000
    assert not list((folder / "kept").glob(".leakhunt-*"))


def test_a_limit_of_file_size(scenario: Path, python: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    code, _, said = run_tool(scenario, python, limit=limit)
    assert code == 3
    assert "File too large" in said
    assert "Traceback" not in said


def test_a_limit_of_address_space_in_the_target(python: Path, tmp_path: Path) -> None:
    scenario = tmp_path / "limited.py"
    scenario.write_text(
        "import resource\n"
        "def setup(): resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))\n" + LEAKY
    )
    report = hunt_scenario(HuntOptions(scenario, python=python))
    assert report.errors == ()
    assert [s.label for s in report.snapshots] == ["baseline", "window", "loaded", "final"]
    assert report.findings[0].holder.path == "limited.HELD"


def test_hardly_any_address_space_left_in_the_target(python: Path, tmp_path: Path) -> None:
    scenario = tmp_path / "limited.py"
    scenario.write_text(
        "import resource\n"
        "def setup():\n"
        "    pages = int(open('/proc/self/statm').read().split()[0])\n"
        "    limit = pages * 4096 + (1 << 20)\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n" + LEAKY
    )
    code, report, said = run_tool(scenario, python)
    assert "Traceback" not in said
    if code == 3:
        assert "MemoryError" in said or "memory" in said.lower()
    else:
        assert (code, report["errors"]) == (1, [])


def test_a_limit_of_processes_in_the_target(python: Path, tmp_path: Path) -> None:
    scenario = tmp_path / "limited.py"
    scenario.write_text(
        "import resource\ndef setup(): resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))\n" + LEAKY
    )
    report = hunt_scenario(HuntOptions(scenario, python=python))
    assert report.errors == ()
    assert report.findings[0].holder.path == "limited.HELD"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_a_limit_of_processes_for_the_tool(scenario: Path) -> None:
    program = (
        "import os, resource, sys\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from leakhunt.target.process import TargetProcess\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))\n"
        "os.setuid(65534)\n"
        "try:\n"
        "    TargetProcess(['/bin/true'], None)\n"
        "except Exception as exc:\n"
        "    print(type(exc).__name__, exc, exc.hint)\n"
    )
    command = [sys.executable, "-c", program, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.stdout.startswith("TargetError /bin/true cannot be started: ")
    assert "ulimit" in done.stdout


def test_a_read_only_save_directory(scenario: Path, python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)]
    is_mounted = (
        shutil.which("mount") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )
    if not is_mounted:
        if os.geteuid() == 0:
            pytest.skip("nothing is read-only for root, and file systems cannot be mounted here")
        folder.chmod(0o500)
    try:
        code, report, said = run_tool(scenario, python, "--save", str(folder))
    finally:
        if is_mounted:
            subprocess.run(["umount", str(folder)], check=True)
    assert (code, report) == (2, {})
    assert "cannot be written" in said


def test_no_place_for_temporary_files(scenario: Path, python: Path) -> None:
    code, _, said = run_tool(scenario, python, TMPDIR="/proc/leakhunt")
    # The standard library takes the next place when TMPDIR cannot be used.
    assert code == 1, said


def test_a_save_directory_that_is_not_ours(scenario: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UsageError, match="is not empty"):
        hunt_scenario(HuntOptions(scenario, save_dir=tmp_path))


def test_what_was_saved_can_be_compared_again(scenario: Path, python: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    for _ in range(2):
        report = hunt_scenario(HuntOptions(scenario, python=python, save_dir=saved))
    names = ["baseline.lkheap", "final.lkheap", "loaded.lkheap", "report.json", "window.lkheap"]
    found = sorted(path.name for path in saved.iterdir() if path.suffix != ".lkcols")
    assert found == names
    assert all(path.stat().st_mode & 0o077 == 0 for path in saved.iterdir())
    paths = [saved / f"{label}.lkheap" for label in ("baseline", "loaded", "final")]
    again = diff_files(paths, cycles=200)
    assert again.findings[0].holder == report.findings[0].holder
    assert again.rate_bytes == report.rate_bytes


def test_snapshots_of_different_processes(scenario: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        hunt_scenario(HuntOptions(scenario, cycles=3, save_dir=tmp_path / name))
    paths = [tmp_path / "a" / "baseline.lkheap", tmp_path / "b" / "final.lkheap"]
    with pytest.raises(UsageError, match="are of different processes"):
        diff_files(paths)
    with pytest.raises(UsageError, match="was taken before"):
        diff_files([tmp_path / "a" / "final.lkheap", tmp_path / "a" / "baseline.lkheap"])
