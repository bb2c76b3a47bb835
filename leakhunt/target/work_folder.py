"""The private folder of one run, and what runs that were killed left of theirs.

A run holds a lock on a file in its folder for as long as it lives.  The kernel lets go of the lock
with the process, however that ends, and knows no numbers that are used again: a folder whose
lock can be taken is nobody's any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from leakhunt.errors import UsageError

PREFIX = ".leakhunt-"
_LOCK = "lock"
_UNLOCKED = "lock.new"


class WorkFolder:
    """A folder that nobody else can look into (0700), gone with the run; a context manager.

    Making one removes those of this user in the same place whose run was killed.
    """

    def __init__(self, parent: Path | None = None) -> None:
        """In ``parent``, or where temporary files go.  Raises UsageError when there is no place."""
        import tempfile

        where = parent or Path(tempfile.gettempdir())
        remove_abandoned(where)
        try:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=where))
            try:
                self._lock = _lock(self.path)
            except OSError:
                _remove(self.path)
                raise
        except OSError as exc:
            raise UsageError(
                f"no snapshot can be written in {where}: {exc.strerror or exc}",
                hint="give --save another directory, or set TMPDIR",
            ) from exc

    def remove(self) -> None:
        """With all that is in it; safe to call twice."""
        _remove(self.path)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of killed runs of this user.  Cost: one look at the names there."""
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and _is_private(entry):
                _remove_if_abandoned(Path(entry.path))


def is_work_folder(path: Path) -> bool:
    """Whether a run works there (what others left is removed by `remove_abandoned`)."""
    return path.name.startswith(PREFIX) and (path / _LOCK).exists()


def _is_private(entry: os.DirEntry[str]) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    is_ours_alone = status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077
    return stat.S_ISDIR(status.st_mode) and is_ours_alone


def _lock(folder: Path) -> int:
    """The descriptor that holds the lock.  It gets its name when it is locked: nobody may find it
    before.  Where the file system knows no locks the folder is never taken for an abandoned one."""
    fd = os.open(folder / _UNLOCKED, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with contextlib.suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (folder / _UNLOCKED).rename(folder / _LOCK)
    return fd


def _remove_if_abandoned(folder: Path) -> None:
    try:
        fd = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return  # Its run lives
    else:
        _remove(folder)
    finally:
        os.close(fd)


def _remove(folder: Path) -> None:
    """The lock goes last: whoever is killed meanwhile leaves what the next one can remove."""
    import shutil

    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif entry.name != _LOCK:
                Path(entry.path).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
