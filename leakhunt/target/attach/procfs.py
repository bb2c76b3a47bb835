"""What ``/proc/PID`` tells about a process without the right to trace it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from leakhunt.target.small_file import read_text

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """The fields of ``/proc/PID/status`` and ``stat`` that decide whether one can attach."""

    pid: int
    name: str
    state: str
    """One letter: R running, S sleeping, D uninterruptible, T stopped, t traced, Z zombie."""
    process_pid: int
    """The process it belongs to: another number when ``pid`` is that of a thread."""
    parent_pid: int
    tracer_pid: int
    uids: tuple[int, ...]
    """Real, effective, saved and file-system user."""
    gids: tuple[int, ...]
    groups: tuple[int, ...]
    thread_count: int
    namespace_pids: tuple[int, ...]
    """Its number in each PID namespace, ours first."""
    seccomp: int
    """0 none, 1 strict, 2 filter."""
    ignored_signals: int
    """Bit n-1 is set when signal n is ignored."""
    effective_capabilities: int
    permitted_capabilities: int
    has_shadow_stack: bool
    start_ticks: int
    """Clock ticks after boot at which it started: with the PID, it names the process."""


def read_status(pid: int, proc: Path = PROC) -> ProcessStatus:
    """Raises FileNotFoundError or ProcessLookupError when there is no such process."""
    text = read_text(f"{proc}/{pid}/status", errors="replace")
    field_by_name = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def numbers(name: str, default: str = "") -> tuple[int, ...]:
        return tuple(int(part) for part in field_by_name.get(name, default).split())

    def mask(name: str) -> int:
        return int(field_by_name.get(name, "0").strip(), 16)

    return ProcessStatus(
        pid=pid,
        name=field_by_name.get("Name", "").strip(),
        state=field_by_name.get("State", "?").strip()[:1],
        process_pid=numbers("Tgid", str(pid))[0],
        parent_pid=numbers("PPid", "0")[0],
        tracer_pid=numbers("TracerPid", "0")[0],
        uids=numbers("Uid"),
        gids=numbers("Gid"),
        groups=numbers("Groups"),
        thread_count=numbers("Threads", "0")[0],
        namespace_pids=numbers("NSpid", str(pid)),
        seccomp=numbers("Seccomp", "0")[0],
        ignored_signals=mask("SigIgn"),
        effective_capabilities=mask("CapEff"),
        permitted_capabilities=mask("CapPrm"),
        has_shadow_stack="shstk" in field_by_name.get("x86_Thread_features", ""),
        start_ticks=read_start_ticks(pid, proc),
    )


def read_start_ticks(pid: int, proc: Path = PROC) -> int:
    """Clock ticks after boot at which the process started.  Raises as ``read_status``."""
    text = read_text(f"{proc}/{pid}/stat", errors="replace")
    # The name may hold blanks and parentheses: fields count from behind its last one.
    return int(text.rpartition(")")[2].split()[19])


def thread_ids(pid: int, proc: Path = PROC) -> list[int]:
    """Its threads, the main thread (whose id is the PID) first if it is still there."""
    tids = map(int, os.listdir(f"{proc}/{pid}/task"))  # noqa: PTH208 - see small_file
    return sorted(tids, key=lambda tid: (tid != pid, tid))


def waits_in(pid: int, tid: int, proc: Path = PROC) -> tuple[int, ...] | None:
    """Number and arguments of the system call that a thread sleeps in, None when it runs.

    Needs the right to trace.  A look from outside: it may be otherwise a moment later.
    Raises OSError.
    """
    fields = read_text(f"{proc}/{pid}/task/{tid}/syscall").split()
    if len(fields) < 7:
        return None
    return (int(fields[0]), *(int(field, 16) for field in fields[1:7]))
