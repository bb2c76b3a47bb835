"""What the control group of a process is charged for: the figure that limits a container."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.target.small_file import read_text

_ROOT = Path("/sys/fs/cgroup")
_UNLIMITED: Final = 1 << 62
"""Version 1 says a number like this for "no limit"."""


@dataclass(frozen=True, slots=True)
class GroupLimit:
    """The control group, of those that a process is in, that is nearest to its memory limit."""

    used_bytes: int
    """What the kernel cannot take back at once: all charged memory less page cache that was not
    used lately (``inactive_file``).  At the limit the kernel kills."""
    limit_bytes: int
    name: str = ""
    """Its folder: processes that say the same are charged together."""


def memory_of_cgroup(pid: int, *, proc: Path = Path("/proc"), root: Path = _ROOT) -> int | None:
    """Bytes that the control group of a process is charged for, page cache included; None when
    it is in none of its own (the root group counts the whole machine) or the kernel does not say.
    """
    for is_second, folder in _groups(pid, proc, root):
        name = "memory.current" if is_second else "memory.usage_in_bytes"
        found = _number(f"{folder}/{name}")
        if found is not None:
            return found
    return None


def limit_of_cgroup(
    pid: int, *, proc: Path = Path("/proc"), root: Path = _ROOT
) -> GroupLimit | None:
    """The limit that is nearest; None when there is none.  Costs some small files a level."""
    found: list[GroupLimit] = []
    for is_second, own in _groups(pid, proc, root):
        top = str(root) if is_second else f"{root}/memory"
        names = (
            ("memory.current", "memory.max", "inactive_file")
            if is_second
            else ("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file")
        )
        for folder in _upwards(own, top):
            charged, limit = _number(f"{folder}/{names[0]}"), _number(f"{folder}/{names[1]}")
            if charged is not None and limit is not None and 0 < limit < _UNLIMITED:
                idle = _member(f"{folder}/memory.stat", names[2])
                found.append(GroupLimit(max(charged - idle, 0), limit, folder))
    return min(found, key=lambda one: one.limit_bytes - one.used_bytes, default=None)


def _upwards(folder: str, top: str) -> Iterator[str]:
    """A folder and those that it is in, up to the top."""
    while len(folder) > len(top):
        yield folder
        folder = folder.rpartition("/")[0]
    yield top


def _groups(pid: int, proc: Path, root: Path) -> Iterator[tuple[bool, str]]:
    """Whether it is of version 2, and its folder, for each group that may count memory."""
    try:
        lines = read_text(f"{proc}/{pid}/cgroup", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        parts = [part for part in group.split("/") if part]
        if ".." in parts:  # outside of our own namespace
            continue
        if controllers == "":
            yield True, "/".join([str(root), *parts])
        elif "memory" in controllers.split(",") and group not in {"", "/"}:
            yield False, "/".join([f"{root}/memory", *parts])


def _number(path: str) -> int | None:
    """The only number of a file; None for ``max`` and where there is none."""
    try:
        return int(read_text(path, "ascii"))
    except (OSError, ValueError):
        return None


def _member(path: str, name: str) -> int:
    """A member of ``memory.stat``; 0 where it is not said."""
    try:
        for line in read_text(path, "ascii").splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        pass
    return 0
