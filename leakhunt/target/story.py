"""What went wrong in a target, in sentences."""

from __future__ import annotations

import linecache
import os
import signal
from pathlib import Path

from leakhunt.target.events import Failure

_FRAMES = 3
_TAIL_LINES = 5
_TAIL_BYTES = 2000


def where(phase: str, cycle: int, *, warmup: int, cycles: int) -> str:
    """``during cycle 157 (load, 138 of 200)``."""
    if phase == "load" and cycle >= 0:
        return f"during cycle {cycle} (load, {cycle - warmup + 1} of {cycles})"
    if phase == "warmup" and cycle >= 0:
        return f"during cycle {cycle} (warm-up, {cycle + 1} of {warmup})"
    if phase.startswith("capture "):
        return f"during the capture of the {phase.removeprefix('capture ')} snapshot"
    return {
        "start": "before the scenario was imported",
        "import": "while the scenario was imported",
        "setup": "in setup()",
        "settle": "while it came to rest",
        "collect": "during a forced collection",
        "teardown": "in teardown()",
        "exit": "while it ended",
    }.get(phase, f"in phase {phase}")


def describe_failure(failure: Failure, *, warmup: int, cycles: int) -> str:
    """``setup() raised ValueError: no, in setup (load.py:4): `raise ...` ``; one line."""
    place = where(failure.phase, failure.cycle, warmup=warmup, cycles=cycles)
    what = _CALLED_BY_PHASE.get(failure.phase)
    if what is not None:
        what = f"{what} raised"
    elif place.startswith("during cycle "):
        what = f"{place.removeprefix('during ')} raised"
    else:
        what = f"failed {place}:"
    return f"{what} {describe_exception(failure)}"


_CALLED_BY_PHASE = {"setup": "setup()", "settle": "settle()", "teardown": "teardown()"}


def describe_exception(failure: Failure) -> str:
    """What was raised, and the frames that matter, innermost first; one line."""
    message = f": {' '.join(failure.message.split())}" if failure.message else ""
    return f"{failure.type}{message}{describe_place(failure)}"


def describe_place(failure: Failure) -> str:
    """``, in cycle (load.py:7), called from ...: `the line` ``; empty without frames."""
    frames = ", called from ".join(
        f"{function} ({file}:{line})" for file, line, function in _telling(failure.frames)
    )
    return f", in {frames}{_source_of(failure)}" if frames else ""


def _telling(frames: tuple[tuple[str, int, str], ...]) -> list[tuple[str, int, str]]:
    """The innermost frame, and the callers that are not the standard library's."""
    innermost, callers = frames[-1:], frames[:-1]
    own = [frame for frame in callers if not _is_standard(frame[0])]
    return [*innermost, *own[:-_FRAMES:-1]]


def _is_standard(file: str) -> bool:
    return file.startswith("<frozen ") or ("/lib/python3" in file and "-packages/" not in file)


def _source_of(failure: Failure) -> str:
    """The text of the innermost line, when it can be had."""
    if not failure.frames:
        return ""
    file, line, _ = failure.frames[-1]
    text = linecache.getline(file, line).strip()
    return f": `{text}`" if text else ""


def describe_exit(status: int) -> str:
    """``exited with status 7`` or ``was killed by SIGKILL``; a negative status is a signal."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name}"


def exit_hint(status: int) -> str:
    """What to look at after a target ended before its time."""
    if status == -signal.SIGKILL:
        return "was it short of memory? the kernel's log says so (dmesg); try fewer cycles"
    if status in {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL}:
        return "does it crash without leakhunt too? python -X faulthandler says where"
    return "run with --show-output to see all that it prints"


def output_tail(path: Path) -> str:
    """The last lines that the target printed, joined to one; empty when there are none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return " | ".join(line.strip() for line in text.strip().splitlines()[-_TAIL_LINES:])
