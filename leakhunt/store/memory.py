"""How much memory may be taken without harm to this machine or its container."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_V1_UNLIMITED = 1 << 60


def available_bytes() -> int | None:
    """The least of: what the system can give, what the control group still allows, and what the
    limit on address space (ulimit -v) leaves; None when none of them is known."""
    found = [_of_system(), _of_address_space(), *_of_control_group()]
    known = [count for count in found if count is not None]
    return min(known) if known else None


def _of_system() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _of_address_space() -> int | None:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        return max(0, limit - pages * resource.getpagesize())
    return None


def _of_control_group() -> list[int]:
    """Room in our control group and those above it (version 2), or in ours (version 1)."""
    room: list[int] = []
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                folder = _CGROUP / path.lstrip("/")
                for at in (folder, *folder.parents):
                    if _CGROUP in (at, *at.parents):
                        room += _room(at / "memory.max", at / "memory.current")
            elif "memory" in controllers.split(","):
                at = _CGROUP / "memory" / path.lstrip("/")
                room += _room(at / "memory.limit_in_bytes", at / "memory.usage_in_bytes")
    return room


def _room(limit: Path, used: Path) -> list[int]:
    with suppress(OSError, ValueError):
        most = int(limit.read_text("ascii"))  # "max" is no number: no limit
        if most < _V1_UNLIMITED:
            return [max(0, most - int(used.read_text("ascii")))]
    return []
