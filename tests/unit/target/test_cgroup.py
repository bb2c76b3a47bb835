"""What the control group of a process is charged for, in both versions of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.target.cgroup import GroupLimit, limit_of_cgroup, memory_of_cgroup


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


def limit(tmp_path: Path, group: str, **files: str) -> GroupLimit | None:
    """The nearest limit of a process in ``group``; files by ``level__name``."""
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "cgroup").write_text(f"0::{group}\n")
    for key, text in files.items():
        level, _, name = key.partition("__")
        place = tmp_path / "groups" / {"top": ".", "app": "app", "web": "app/web"}[level]
        place.mkdir(parents=True, exist_ok=True)
        (place / name.replace("_", ".", 1)).write_text(text + "\n")
    return limit_of_cgroup(7, proc=tmp_path / "proc", root=tmp_path / "groups")


def test_the_nearest_limit_of_all_levels_counts_less_idle_page_cache(tmp_path: Path) -> None:
    found = limit(
        tmp_path,
        "/app/web",
        web__memory_current="300",
        web__memory_max="1000",
        web__memory_stat="anon 200\ninactive_file 50\nactive_file 10",
        app__memory_current="900",
        app__memory_max="1100",
        top__memory_current="5000",
        top__memory_max="max",
    )
    assert found == GroupLimit(900, 1100, str(tmp_path / "groups" / "app"))


def test_page_cache_that_can_go_does_not_bring_a_limit_near(tmp_path: Path) -> None:
    found = limit(
        tmp_path,
        "/",
        top__memory_current="900",
        top__memory_max="1000",
        top__memory_stat="inactive_file 700",
    )
    assert found == GroupLimit(200, 1000, str(tmp_path / "groups"))


@pytest.mark.parametrize("group", ["/app", "/../elsewhere", "/missing"])
def test_without_a_limit_there_is_none(tmp_path: Path, group: str) -> None:
    assert limit(tmp_path, group, app__memory_current="5", app__memory_max="max") is None


def test_version_1_says_a_large_number_for_no_limit(tmp_path: Path) -> None:
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "cgroup").write_text("4:memory:/app\n")
    place = tmp_path / "groups" / "memory" / "app"
    place.mkdir(parents=True)
    (place / "memory.usage_in_bytes").write_text("10")
    (place / "memory.limit_in_bytes").write_text("9223372036854771712")
    asked = {"proc": tmp_path / "proc", "root": tmp_path / "groups"}
    assert limit_of_cgroup(7, **asked) is None
    (place / "memory.limit_in_bytes").write_text("40")
    assert limit_of_cgroup(7, **asked) == GroupLimit(10, 40, str(place))
