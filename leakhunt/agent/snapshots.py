"""Snapshots of the calling process, at moments it chooses.

For a program that can import leakhunt (or only ``leakhunt.agent``: the standard library and
our C extension are all it needs).  ``leakhunt diff`` compares the files afterwards::

    from leakhunt.agent import snapshots

    snapshots.watch()
    snapshots.capture("before.lkheap", label="baseline")
    work()
    snapshots.capture("after.lkheap", label="final")
    snapshots.unwatch()
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from leakhunt.agent import _heap

_UNWATCHED: dict[str, Any] = {
    "method": "address and type", "exact": False, "inferred_types": [], "note": "",
}  # fmt: skip

_identity: dict[str, Any] = _UNWATCHED
_sequence = 0
_since: str | None = None
_is_checked = False


def watch() -> dict[str, Any]:
    """Track births from now on, so that a new object at a reused address is not taken for an
    old one.  Answers with the method and what it cannot see; costs up to 6 % CPU.

    Raises:
        RuntimeError: the interpreter's layout is not the one we were built for, or births
            are tracked already.
    """
    global _identity, _since
    _check_layout()
    _identity, _since = dict(_heap.birth_start()), None
    return _identity


def unwatch() -> dict[str, Any]:
    """End tracking and put back what was touched; the answer says whether all of it was."""
    global _identity, _since
    _identity, _since = _UNWATCHED, None
    return dict(_heap.birth_stop())


def capture(
    path: str | bytes | os.PathLike[str],
    *,
    label: str = "",
    redact: bool = False,
    mode: str = "in-process",
    content: bool = False,
) -> int:
    """Write a snapshot of this process and return the pause in nanoseconds.

    ``mode``: ``in-process``; ``fork``, where a child walks while other threads go on and this
    call waits; or ``auto``, whichever promises the shorter pause.

    ``redact`` leaves out all text but the names of types, code and modules.  ``content`` adds a
    hash of each string and number, by a key that is not kept, so that ``leakhunt waste`` can tell
    which are equal.  The file is 0600, written under a temporary name and renamed when whole.

    Raises:
        RuntimeError: the interpreter's layout is not the one we were built for.
        OSError: the file cannot be written.
        ValueError: there is no such mode.
        MemoryError: there is no memory for the walk (about 15 bytes an object).
    """
    global _sequence, _since
    _check_layout()
    header = json.dumps(_header(label, "hash" if redact else "names", mode)).encode()
    pause_ns: int = _heap.capture(os.fspath(path), header, True, 1000, redact, mode, content)
    _sequence, _since = _sequence + 1, label
    return pause_ns


def _check_layout() -> None:
    """Once a process: the test makes classes and throws them away, which a snapshot would show."""
    global _is_checked  # noqa: PLW0603 - the interpreter does not change
    if not _is_checked:
        _heap.self_test()
        _is_checked = True


def _header(label: str, redaction: str, mode: str = "in-process") -> dict[str, Any]:
    return {
        "format": "leakhunt-stream",
        "tool": "agent",
        "label": label,
        "sequence": _sequence,
        "process": dict(_heap.describe_process()),
        "python": {
            "version": sys.version.split()[0],
            "implementation": sys.implementation.name,
            "hexversion": sys.hexversion,
            "abi": sys.implementation.cache_tag or "",
            "executable": sys.executable,
        },
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "mode": mode,
        "redaction": redaction,
        "identity": {
            **_identity,
            "since": _since,
            "since_sequence": None if _since is None else _sequence - 1,
        },
    }
