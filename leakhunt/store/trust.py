"""Which cache files are as we wrote them, told without reading them.

A cache is used without checking its values, so it must be one that this user's leakhunt wrote
and nobody touched since.  A folder of the user remembers each: the file system's number of the
file, its size and when it last changed.  A cache that came with somebody's snapshots, was
copied or was written to is not known there, and is made again.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path

_MOST_STAMPS = 4096
"""More than this many: the oldest half is forgotten (their caches are made again)."""


def is_known(status: os.stat_result) -> bool:
    """Did we write the file with this status, and has nobody touched it since?"""
    if status.st_uid != os.geteuid() or not stat.S_ISREG(status.st_mode):
        return False
    try:
        folder = _folder()
        return (folder / _name(status)).read_text("ascii") == _text(status)
    except (OSError, ValueError):
        return False


def remember(path: Path) -> bool:
    """Note the file as written by us just now; False when there is no place to note it."""
    try:
        folder = _folder()
        status = path.stat()
        stamp = folder / _name(status)
        temporary = stamp.with_suffix(f".{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(_text(status))
        temporary.replace(stamp)
        _forget_oldest(folder)
    except (OSError, ValueError):
        return False
    return True


def _folder() -> Path:
    """The folder of stamps, ours alone.  Raises OSError when it cannot be."""
    from platformdirs import user_cache_dir

    folder = Path(user_cache_dir("leakhunt")) / "stamps"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.lstat()
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not is_ours or found.st_mode & 0o022:
        raise PermissionError(f"{folder} is not ours alone")
    return folder


def _name(status: os.stat_result) -> str:
    return f"{status.st_dev:x}-{status.st_ino:x}"


def _text(status: os.stat_result) -> str:
    return json.dumps([status.st_size, status.st_mtime_ns, status.st_ctime_ns])


def _forget_oldest(folder: Path) -> None:
    stamps = list(folder.iterdir())
    if len(stamps) <= _MOST_STAMPS:
        return
    found = []
    for path in stamps:
        with suppress(OSError):
            found.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(found)[: len(found) // 2]:
        with suppress(OSError):
            path.unlink()
