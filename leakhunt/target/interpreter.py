"""What a target interpreter is, asked of the interpreter itself, and whether we support it."""

from __future__ import annotations

import json
import os
import selectors
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from leakhunt.errors import LeakhuntError, TargetError, UsageError

OLDEST = (3, 11)
"""Oldest supported minor version."""

NEWEST = (3, 14)
"""Newest supported minor version."""

PROBE_TIMEOUT_S = 10.0
_ANSWER_BYTES_MAX = 64 << 10
_MARK = "leakhunt-probe:"

# Runs in the asked interpreter, whatever it is: valid for Python 2 as well.  The empty
# sys.path entry of -c goes first, so that nothing in the current directory is imported.
_PROBE = r"""
import sys
sys.path[:] = [p for p in sys.path if p]
import json, os
d = {"version": list(sys.version_info[:3]), "hexversion": sys.hexversion}
d["executable"] = sys.executable
d["platform"] = sys.platform
d["is_64_bit"] = sys.maxsize > 2 ** 32
implementation = getattr(sys, "implementation", None)
d["implementation"] = implementation.name if implementation else (
    "pypy" if hasattr(sys, "pypy_version_info") else "cpython")
d["base_prefix"] = getattr(sys, "base_prefix", sys.prefix)
if sys.version_info >= (3, 11):
    import sysconfig
    v = sysconfig.get_config_vars()
    paths = sysconfig.get_paths()
    d["soabi"] = v.get("SOABI") or ""
    d["ext_suffix"] = v.get("EXT_SUFFIX") or ".so"
    d["abiflags"] = getattr(sys, "abiflags", "")
    d["is_debug"] = bool(v.get("Py_DEBUG")) or hasattr(sys, "gettotalrefcount")
    d["is_free_threaded"] = bool(v.get("Py_GIL_DISABLED"))
    d["include_dirs"] = [paths["include"], paths["platinclude"]]
    d["config_h"] = sysconfig.get_config_h_filename()
    d["cc"] = v.get("CC") or ""
    d["machine"] = os.uname()[4]
    try:
        d["libc"] = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        d["libc"] = "musl" if "musl" in d["soabi"] else "unknown"
"""
_PRINT = 'sys.stdout.write("leakhunt-probe:" + json.dumps(d) + "\\n")\n'


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A supported CPython interpreter."""

    path: Path
    """What to start: as given, so that a virtual environment stays one."""
    executable: str
    """What it says it is (``sys.executable``)."""
    version: tuple[int, int, int]
    hexversion: int
    implementation: str
    soabi: str
    """ABI tag of its extension modules, for instance ``cpython-312-x86_64-linux-gnu``."""
    ext_suffix: str
    is_debug: bool
    base_prefix: str
    include_dirs: tuple[str, ...]
    """Where its ``Python.h`` and ``pyconfig.h`` are (if its headers are installed)."""
    config_h: str
    cc: str
    """The compiler command it was built with."""
    machine: str
    libc: str
    """For instance ``glibc 2.36``."""

    @property
    def version_text(self) -> str:
        """``3.12.1``."""
        return ".".join(str(part) for part in self.version)


@cache
def own_interpreter() -> Interpreter:
    """The interpreter that runs leakhunt.  No subprocess.

    Raises TargetError when it is not supported.
    """
    answer: dict[str, Any] = {}
    namespace: dict[str, Any] = {}
    saved_path = list(sys.path)
    try:
        exec(compile(_PROBE, "<probe>", "exec"), namespace)  # noqa: S102 - our own text
        answer = namespace["d"]
    finally:
        sys.path[:] = saved_path
    return _judge(Path(sys.executable), answer)


def probe(path: Path | str, *, timeout_s: float = PROBE_TIMEOUT_S) -> Interpreter:
    """Ask the interpreter at ``path`` (or of that name on PATH) what it is.

    Raises UsageError when there is nothing to start there, TargetError when it is no
    interpreter that we support.  Cost: one start of the interpreter without site.
    """
    found = _find(path)
    output, failure = _run_probe(found, timeout_s)
    for line in output.splitlines():
        if line.startswith(_MARK):
            try:
                answer = json.loads(line[len(_MARK) :])
            except ValueError:
                break
            return _judge(found, answer)
    detail = failure or _first_line(output) or "no answer"
    raise TargetError(
        f"{found} does not answer like a Python interpreter: {detail}",
        hint="give --python the path of a CPython 3.11 to 3.14 interpreter",
    )


def _find(path: Path | str) -> Path:
    """The file to start; refuses what cannot be started."""
    text = os.fspath(path)
    if not text:
        raise UsageError("the interpreter's path is empty", hint="give --python a path")
    if os.sep not in text:
        import shutil

        on_path = shutil.which(text)
        if on_path is None and not os.path.exists(text):  # noqa: PTH110  never raises
            raise UsageError(
                f"no interpreter {text!r} on PATH", hint="give --python the path of an interpreter"
            )
        text = on_path or text
    found = Path(text)
    try:
        found = found.absolute()  # Not resolved: a venv is a link
        is_folder = stat.S_ISDIR(found.stat().st_mode)
    except (OSError, ValueError) as exc:
        what = "is a dangling link" if _is_link(found) else "does not exist"
        if not isinstance(exc, FileNotFoundError):
            reason = exc.strerror if isinstance(exc, OSError) else None
            what = f"cannot be used: {reason or exc}"
        raise UsageError(
            f"the interpreter {found} {what}",
            hint="give --python the path of an interpreter, for instance .venv/bin/python",
        ) from exc
    if is_folder:
        raise UsageError(
            f"the interpreter {found} is a directory",
            hint=f"perhaps {found / 'bin' / 'python'} is meant",
        )
    if not os.access(found, os.X_OK):
        raise UsageError(
            f"the interpreter {found} is not executable",
            hint=f"chmod +x {found}, or give --python another interpreter",
        )
    return found


def _is_link(path: Path) -> bool:
    return os.path.islink(path)  # noqa: PTH114  never raises


def _run_probe(path: Path, timeout_s: float) -> tuple[str, str]:
    """Output (bounded) and what went wrong, empty if nothing did."""
    # -E -s -S and not -I: Python 2 must understand it as well to be refused by version.
    command = [os.fspath(path), "-E", "-s", "-S", "-c", _PROBE + _PRINT]
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        return "", f"it cannot be started ({reason})"
    with child:
        output, has_timed_out = _read_bounded(child, timeout_s)
        if has_timed_out or len(output) >= _ANSWER_BYTES_MAX:
            child.kill()
        status = child.wait()
    text = output.decode("utf-8", "replace")
    if has_timed_out:
        return text, f"no answer in {timeout_s:g} s"
    if status != 0:
        return text, f"status {status}: {_first_line(text)}" if text else f"status {status}"
    return text, ""


def _read_bounded(child: subprocess.Popen[bytes], timeout_s: float) -> tuple[bytes, bool]:
    """Up to _ANSWER_BYTES_MAX bytes of output, and whether time ran out before its end."""
    assert child.stdout is not None
    deadline = time.monotonic() + timeout_s
    chunks = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while len(chunks) < _ANSWER_BYTES_MAX:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return chunks, True
            chunk = os.read(child.stdout.fileno(), 16 << 10)
            if not chunk:
                return chunks, False
            chunks += chunk
    return chunks, False


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:200] if lines else ""


def _judge(path: Path, answer: dict[str, Any]) -> Interpreter:
    """An Interpreter from a probe's answer, or the refusal that fits."""
    try:
        _refuse_unsupported(path, answer)
        major, minor, micro = answer["version"]
        return Interpreter(
            path=path,
            executable=str(answer["executable"] or path),
            version=(int(major), int(minor), int(micro)),
            hexversion=int(answer["hexversion"]),
            implementation=str(answer["implementation"]),
            soabi=str(answer["soabi"]),
            ext_suffix=str(answer["ext_suffix"]),
            is_debug=bool(answer["is_debug"]),
            base_prefix=str(answer["base_prefix"]),
            include_dirs=tuple(dict.fromkeys(str(d) for d in answer["include_dirs"])),
            config_h=str(answer["config_h"]),
            cc=str(answer["cc"]),
            machine=str(answer["machine"]),
            libc=str(answer["libc"]),
        )
    except LeakhuntError:
        raise
    except (KeyError, TypeError, ValueError) as exc:
        raise TargetError(
            f"{path} gave an answer that no Python interpreter gives ({exc!r})",
            hint="give --python the path of a CPython 3.11 to 3.14 interpreter",
        ) from exc


def _refuse_unsupported(path: Path, answer: dict[str, Any]) -> None:
    """Raise TargetError for an interpreter that leakhunt cannot look into."""
    version = tuple(int(part) for part in answer["version"])
    text = ".".join(str(part) for part in version)
    supported = "leakhunt supports CPython 3.11 to 3.14 on 64-bit Linux"
    if answer["implementation"] != "cpython":
        raise TargetError(
            f"{path} is {answer['implementation']}, not CPython",
            hint=f"{supported}; run the program with one of them",
        )
    if version[:2] < OLDEST:
        raise TargetError(
            f"{path} is CPython {text}, too old for leakhunt",
            hint=f"{supported}; run the program with one of them",
        )
    if version[:2] > NEWEST:
        raise TargetError(
            f"{path} is CPython {text}, not yet supported by this release",
            hint=f"{supported}; run the program with one of them, or look for a newer leakhunt",
        )
    if answer["is_free_threaded"]:
        raise TargetError(
            f"{path} is a free-threaded build of CPython {text}, not supported by this release",
            hint="use the build with the global interpreter lock (without the letter t)",
        )
    if answer["is_debug"] or answer["abiflags"]:
        raise TargetError(
            f"{path} is a debug build of CPython {text}, not supported by this release",
            hint="use the release build (without the letter d)",
        )
    if answer["platform"] != "linux" or not answer["is_64_bit"]:
        raise TargetError(
            f"{path} runs on {answer['platform']}"
            f" ({'64' if answer['is_64_bit'] else '32'} bits), not supported by this release",
            hint=supported,
        )
