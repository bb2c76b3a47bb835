"""Is this a scenario file?  What can be said of it without running it."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

from leakhunt.errors import UsageError

_HINT = "a scenario is a Python file with cycle(i), and setup(), settle(), teardown() if need be"


def check_scenario_file(path: Path) -> Path:
    """Absolute path of the scenario; raises UsageError when it cannot be one."""
    try:
        found = Path(path).absolute()
        mode = found.stat().st_mode
    except FileNotFoundError as exc:
        what = "is a dangling link" if Path(path).is_symlink() else "does not exist"
        raise UsageError(f"the scenario {path} {what}", hint=_HINT) from exc
    except (OSError, ValueError) as exc:  # for instance a name that is too long
        raise _unreadable(path, exc) from exc
    if stat.S_ISDIR(mode):
        raise UsageError(f"the scenario {path} is a directory", hint=_HINT)
    if not stat.S_ISREG(mode):
        raise UsageError(f"the scenario {path} is no regular file", hint=_HINT)
    if found.suffix != ".py":
        raise UsageError(f"the scenario {path} does not end in .py", hint=_HINT)
    try:
        with found.open("rb"):
            pass
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    _check_name(path, found.stem)
    return found


def _unreadable(path: Path, exc: OSError | ValueError) -> UsageError:
    why = exc.strerror if isinstance(exc, OSError) else None
    return UsageError(
        f"the scenario {path} cannot be read: {why or exc}",
        hint="give the path of a file that you may read",
    )


def _check_name(path: Path, stem: str) -> None:
    """It is imported under its stem: that name must be free."""
    if stem in sys.stdlib_module_names or stem == "__main__":
        raise UsageError(
            f"the scenario {path} would hide the standard module {stem!r}",
            hint="give the file another name",
        )
    if not stem or "." in stem:
        raise UsageError(
            f"the scenario {path} cannot be imported under the name {stem!r}",
            hint="give the file a name without dots",
        )
