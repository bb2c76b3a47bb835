"""What the control group of a process is charged for, in both versions of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.target.cgroup import memory_of_cgroup


def ask(tmp_path: Path, lines: str, file: str | None, text: str = "4096\n") -> int | None:
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "cgroup").write_text(lines)
    if file is not None:
        place = tmp_path / "groups" / file
        place.parent.mkdir(parents=True)
        place.write_text(text)
    return memory_of_cgroup(7, proc=tmp_path / "proc", root=tmp_path / "groups")


def test_version_2(tmp_path: Path) -> None:
    assert ask(tmp_path, "0::/app/web\n", "app/web/memory.current") == 4096


def test_version_1(tmp_path: Path) -> None:
    lines = "5:cpu:/x\n4:memory,blkio:/app\n0::/\n"
    assert ask(tmp_path, lines, "memory/app/memory.usage_in_bytes") == 4096


@pytest.mark.parametrize(
    ("lines", "text"), [("", "1"), ("nonsense", "1"), ("0::/app", "max"), ("4:memory:/\n", "1")]
)
def test_what_is_not_said_is_not_known(tmp_path: Path, lines: str, text: str) -> None:
    assert ask(tmp_path, lines, "app/memory.current", text) is None


def test_no_such_process(tmp_path: Path) -> None:
    assert memory_of_cgroup(7, proc=tmp_path) is None
