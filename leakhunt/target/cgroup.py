"""What the control group of a process is charged for: the figure that limits a container."""

from __future__ import annotations

from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def memory_of_cgroup(pid: int, *, proc: Path = Path("/proc"), root: Path = _ROOT) -> int | None:
    """Bytes that the control group of a process is charged for, page cache included; None when
    it is in none of its own (the root group counts the whole machine) or the kernel does not say.
    """
    try:
        lines = (proc / str(pid) / "cgroup").read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        if controllers == "" or "memory" in controllers.split(","):
            found = _charged(root, controllers, group)
            if found is not None:
                return found
    return None


def _charged(root: Path, controllers: str, group: str) -> int | None:
    folder, name = root, "memory.current"
    if controllers:
        folder, name = root / "memory", "memory.usage_in_bytes"
        if group in {"", "/"}:
            return None
    try:
        return int((folder / group.lstrip("/") / name).read_text("ascii"))
    except (OSError, ValueError):
        return None
