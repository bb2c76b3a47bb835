"""Is this a scenario file?  What can be said of it without running it."""

from __future__ import annotations

import sys
from pathlib import Path

from leakhunt.errors import UsageError

_HINT = "a scenario is a Python file with cycle(i), and setup(), settle(), teardown() if need be"


def check_scenario_file(path: Path) -> Path:
    """Absolute path of the scenario; raises UsageError when it cannot be one."""
    found = Path(path).absolute()
    if not found.exists():
        what = "is a dangling link" if found.is_symlink() else "does not exist"
        raise UsageError(f"the scenario {path} {what}", hint=_HINT)
    if found.is_dir():
        raise UsageError(f"the scenario {path} is a directory", hint=_HINT)
    if not found.is_file():
        raise UsageError(f"the scenario {path} is no regular file", hint=_HINT)
    if found.suffix != ".py":
        raise UsageError(f"the scenario {path} does not end in .py", hint=_HINT)
    try:
        with found.open("rb"):
            pass
    except OSError as exc:
        raise UsageError(
            f"the scenario {path} cannot be read: {exc.strerror or exc}",
            hint=f"make it readable, for instance chmod u+r {path}",
        ) from exc
    _check_name(path, found.stem)
    return found


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
