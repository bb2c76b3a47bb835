"""What /proc says of processes: parents, commands, who listens, who was only forked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from leakhunt.errors import UsageError
from leakhunt.target.small_file import read_bytes, read_text

_LISTEN: Final = "0A"
_COMMAND_BYTES_MAX = 64 << 10
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_EXITING: Final = 0x4
"""PF_EXITING of the kernel (include/linux/sched.h)."""


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """One process at one moment."""

    pid: int
    parent_pid: int
    group_id: int
    session_id: int
    start_ticks: int
    """Clock ticks since boot: with the pid it names a process, since pids are used again."""
    state: str
    is_ending: bool
    """It is on its way out: its memory and descriptors go before it becomes a zombie."""
    thread_count: int
    rss_bytes: int
    """Resident, as the kernel counts it without looking at pages: right within some pages for
    each thread."""
    cpu_ticks: int
    """Processor time in clock ticks, user and system."""
    code_start: int
    stack_start: int
    """Both are 0 without the right to look at its memory; equal in a parent and its forks."""

    @property
    def is_dead(self) -> bool:
        """Ended or just ending, and perhaps not yet reaped."""
        return self.is_ending or self.state in "ZXx"


def check_pid(pid: int) -> None:
    """Refuse numbers that no process can have.  Raises UsageError."""
    if not 0 < pid < 1 << 22:
        raise UsageError(f"{pid} is no process number", hint="ps or pgrep -f tells it")


def read_entry(pid: int) -> ProcessEntry | None:
    """The process of that number, None when there is none."""
    try:
        text = read_text(f"/proc/{pid}/stat", "latin-1")
        # The name in parentheses may hold blanks and parentheses.
        fields = text.rpartition(")")[2].split()
        return ProcessEntry(
            pid=pid,
            parent_pid=int(fields[1]),
            group_id=int(fields[2]),
            session_id=int(fields[3]),
            start_ticks=int(fields[19]),
            state=fields[0],
            is_ending=bool(int(fields[6]) & _EXITING),
            thread_count=int(fields[17]),
            rss_bytes=int(fields[21]) * _PAGE_BYTES,
            cpu_ticks=int(fields[11]) + int(fields[12]),
            code_start=int(fields[23]),
            stack_start=int(fields[25]),
        )
    except (OSError, ValueError, IndexError):
        return None


def is_running(pid: int, start_ticks: int) -> bool:
    """Whether that very process still runs."""
    entry = read_entry(pid)
    return entry is not None and entry.start_ticks == start_ticks and not entry.is_dead


def read_table() -> dict[int, ProcessEntry]:
    """Every running process by its number.  Cost: one small file for each, some ms in all."""
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    found = (read_entry(pid) for pid in pids)
    return {entry.pid: entry for entry in found if entry is not None and not entry.is_dead}


def descendants(table: Mapping[int, ProcessEntry], root: int) -> list[ProcessEntry]:
    """Children, grandchildren and so on, parents before their children, by number."""
    children: dict[int, list[ProcessEntry]] = {}
    for entry in sorted(table.values(), key=lambda entry: entry.pid):
        children.setdefault(entry.parent_pid, []).append(entry)
    found: list[ProcessEntry] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(0), [])
        found += below
        waiting += [entry.pid for entry in below]
    return found


def command_of(pid: int) -> tuple[str, ...]:
    """Its arguments; empty for a kernel thread and when they cannot be read."""
    try:
        text = read_bytes(f"/proc/{pid}/cmdline", _COMMAND_BYTES_MAX)
    except OSError:
        return ()
    return tuple(part.decode("utf-8", "surrogateescape") for part in text.split(b"\0") if part)


def is_fork_of(entry: ProcessEntry, parent: ProcessEntry) -> bool:
    """Whether it is a copy of its parent, and not another program that the parent started.

    A fork keeps the addresses of code and stack, which an ``exec`` chooses anew.
    """
    if not entry.stack_start or not parent.stack_start:
        return command_of(entry.pid) == command_of(parent.pid)
    here, there = (entry.code_start, entry.stack_start), (parent.code_start, parent.stack_start)
    return here == there


def is_python(pid: int) -> bool:
    """Whether CPython is mapped into it: as a library, or as the program itself.

    A cheap look at names, for choosing among the processes of a tree; what really runs there is
    found out before anything is done to it.
    """
    seen: set[str] = set()
    try:
        with open(f"/proc/{pid}/maps", "rb") as file:  # noqa: PTH123 - see small_file
            for line in file:
                path = line.rpartition(b"/")[2].decode("utf-8", "replace").strip()
                if path and path not in seen:
                    seen.add(path)
                    if path.startswith(("libpython3", "python3")):
                        return True
    except OSError:
        pass
    with suppress(OSError):
        program = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - see small_file
        return program.rpartition("/")[2].startswith("python3")
    return False


def listening_ports(pid: int) -> set[int]:
    """TCP ports on which it listens, whatever the address; empty when that may not be read."""
    inodes = _socket_inodes(pid)
    if not inodes:
        return set()
    return {port for port, inode in _listeners(pid) if inode in inodes}


def _socket_inodes(pid: int) -> set[str]:
    found: set[str] = set()
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                with suppress(OSError):
                    name = os.readlink(entry.path)  # noqa: PTH115 - see small_file
                    if name.startswith("socket:["):
                        found.add(name[8:-1])
    except OSError:
        return set()
    return found


def _listeners(pid: int) -> Iterator[tuple[int, str]]:
    """(port, inode) of the listening sockets in the network namespace of a process."""
    for name in ("tcp", "tcp6"):
        try:
            lines = read_text(f"/proc/{pid}/net/{name}", "ascii").splitlines()[1:]
        except (OSError, ValueError):
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTEN:
                yield int(fields[1].rpartition(":")[2], 16), fields[9]
