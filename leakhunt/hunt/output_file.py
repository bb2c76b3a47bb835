"""Where a file that is to be written lies."""

from __future__ import annotations

from pathlib import Path

from leakhunt.errors import UsageError


def real_target(path: Path) -> Path:
    """Where a file that is to be written lies: the end of links like ``/dev/stdout``.

    Raises UsageError for a directory, a device or a pipe: a file takes their place otherwise.
    """
    try:
        target = path.resolve()
        is_fit = not target.exists() or target.is_file()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{path} cannot be written: {error}", hint="give a file name") from error
    if not is_fit:
        what = "a directory" if target.is_dir() else "no regular file"
        raise UsageError(f"{path} is {what}", hint="give the name of a file to write")
    return target
