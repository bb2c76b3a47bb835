"""Which native agent fits a process that nobody prepared.

It must be compiled for the very version that runs there.  The process's own interpreter knows
its headers best, so it is asked, but only when it may safely be run from here; else a local
interpreter of the same version does.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from leakhunt.errors import LeakhuntError, NativeBuildError
from leakhunt.target.attach.identify import ProcessIdentity
from leakhunt.target.interpreter import Interpreter, own_interpreter, probe
from leakhunt.target.native_build import describe_agent, native_agent_for


def native_agent_for_process(
    identity: ProcessIdentity, *, on_build: Callable[[], None] | None = None
) -> tuple[Path, Interpreter]:
    """The native agent for a running interpreter, and the interpreter it was made for.

    Raises NativeBuildError when there is none and none can be built.
    """
    reasons: list[str] = []
    for candidate in _candidates(identity, reasons):
        try:
            interpreter = candidate()
            if interpreter.hexversion != identity.hexversion:
                continue
            return native_agent_for(interpreter, on_build=on_build), interpreter
        except LeakhuntError as error:
            reasons.append(str(error))
    raise _none_fits(identity, reasons)


def _none_fits(identity: ProcessIdentity, reasons: list[str]) -> NativeBuildError:
    version = identity.version_text
    why = f": {'; '.join(reasons[:3])}" if reasons else ""
    return NativeBuildError(
        f"no native agent fits CPython {version} of process {identity.pid}{why}",
        hint=f"install CPython {version} with its headers on this machine (pyenv, uv, or the"
        " distribution's development package), or run leakhunt itself with it",
    )


def find_native_agent(identity: ProcessIdentity) -> str:
    """Where the agent would come from, in words; nothing is built.  Raises NativeBuildError."""
    reasons: list[str] = []
    for candidate in _candidates(identity, reasons):
        with suppress(LeakhuntError):
            interpreter = candidate()
            if interpreter.hexversion == identity.hexversion:
                return describe_agent(interpreter)
    raise _none_fits(identity, reasons)


def _candidates(
    identity: ProcessIdentity, reasons: list[str]
) -> Iterator[Callable[[], Interpreter]]:
    """Interpreters to ask, the likeliest first."""
    executable = Path(identity.executable)
    refusal = _why_not_run(executable, identity.root)
    if not refusal:
        yield lambda: _probe(executable)
    else:
        reasons.append(f"its interpreter {executable} is not run from here ({refusal})")
    if sys.hexversion == identity.hexversion:
        yield own_interpreter
    for path in _local_interpreters(identity.version):
        yield lambda path=path: _probe(path)  # type: ignore[misc]


def _probe(executable: Path) -> Interpreter:
    """What that interpreter says it is; asked once as long as the file stays what it is."""
    try:
        status = executable.stat()
    except OSError:
        return probe(executable)
    return _probe_file(executable, status.st_dev, status.st_ino, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _probe_file(executable: Path, *_: int) -> Interpreter:
    return probe(executable)


def _why_not_run(executable: Path, root: str) -> str:
    """Why the file is not for us to run; empty when it is."""
    try:
        ours = executable.stat()
        theirs = os.stat(f"{root}{executable}")  # noqa: PTH116 - see small_file
    except OSError:
        return "it is not there"
    if (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino):
        return "it is in another container"
    if ours.st_uid not in {0, os.geteuid()}:
        return f"it belongs to user {ours.st_uid}"
    if stat.S_IMODE(ours.st_mode) & stat.S_IWOTH:
        return "anybody may have written it"
    return "" if os.access(executable, os.X_OK) else "it may not be executed"


def _local_interpreters(version: tuple[int, int, int]) -> Iterator[Path]:
    """Files that may be interpreters of that version, where people keep them."""
    import shutil  # most need no other interpreter

    minor, full = f"{version[0]}.{version[1]}", ".".join(map(str, version))
    home = Path.home()
    places = [
        *sorted(_pyenv_root().glob(f"versions/{full}*/bin/python3")),
        *sorted(home.glob(f".local/share/uv/python/cpython-{full}*/bin/python3")),
        Path(f"/usr/bin/python{minor}"),
        Path(f"/usr/local/bin/python{minor}"),
    ]
    named = shutil.which(f"python{minor}")
    for path in [*places, *([Path(named)] if named else [])]:
        if not _why_not_run(path, ""):
            yield path


def _pyenv_root() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
