"""What /proc tells about a process under test: threads end and descriptors are closed while one
looks, so those are left out."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def thread_names(pid: int) -> dict[int, str]:
    """Name by number of each thread that lives."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            found[int(task.name)] = (task / "comm").read_text().strip()
    return found


def descriptors(pid: int) -> dict[int, str]:
    """What each open descriptor stands for."""
    found = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            found[int(entry.name)] = str(entry.readlink())
    return found


def is_alive(pid: int) -> bool:
    """A zombie that nobody has reaped yet is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
