"""Which processes of a tree a hunt looks into: the program behind its wrappers, its workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from leakhunt.errors import TargetError
from leakhunt.target.process_table import (
    ProcessEntry,
    command_of,
    descendants,
    is_fork_of,
    is_python,
    listening_ports,
    read_table,
)

WORKERS_MAX = 64
"""More are not hunted at once: each costs a thread, a socket and four snapshots."""
_HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
_SPAWNED = "multiprocessing.spawn"
_SHOWN_PROGRAMS = 8


class Children(StrEnum):
    """Which children of a process belong to its family."""

    AUTO = "auto"
    """Workers only: forks of it, and what ``multiprocessing`` started."""
    ALL = "all"
    """Every Python process below it."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Relative:
    """One process of a family."""

    pid: int
    start_ticks: int
    command: tuple[str, ...]
    is_root: bool


def find_family(root: int, children: Children) -> tuple[Relative, ...]:
    """The process and those below it that do its work, the process itself first.

    Empty when the process is gone.  Cost: one look at every process of the machine.
    """
    table = read_table()
    top = table.get(root)
    if top is None:
        return ()
    family = [top]
    if children is not Children.NONE:
        family += _workers(table, top, children)
    return tuple(
        Relative(one.pid, one.start_ticks, command_of(one.pid), one.pid == root) for one in family
    )


def _workers(
    table: Mapping[int, ProcessEntry], top: ProcessEntry, children: Children
) -> list[ProcessEntry]:
    found: list[ProcessEntry] = []
    for entry in descendants(table, top.pid):
        command = command_of(entry.pid)
        is_forked = _is_forked_off(table, entry)
        if not is_forked and _has_word(command, *_HELPERS):
            continue
        is_worker = is_forked or _has_word(command, _SPAWNED)
        if is_python(entry.pid) and (is_worker or children is Children.ALL):
            found.append(entry)
    return found


def _has_word(command: tuple[str, ...], *words: str) -> bool:
    return any(word in part for part in command for word in words)


def _is_forked_off(table: Mapping[int, ProcessEntry], entry: ProcessEntry) -> bool:
    parent = table.get(entry.parent_pid)
    return parent is not None and is_python(parent.pid) and is_fork_of(entry, parent)


def find_program(root: int, port: int | None = None) -> int | None:
    """The Python process behind the wrappers of a started command; None while there is none.

    With ``port``, the topmost one that listens there.  Else the topmost Python process, or its
    only child of the same command line: the wrapper is then a reloader, which runs the program
    again as its child.
    """
    table = read_table()
    top = table.get(root)
    below = descendants(table, root)
    family = [one for one in ([top] if top else []) + below if is_python(one.pid)]
    if port is not None:
        family = [one for one in family if port in listening_ports(one.pid)]
        return family[0].pid if family else None
    if not family:
        return None
    return _behind_reloader(table, family[0]).pid


def find_behind_wrapper(pid: int) -> int:
    """The program that a process is a wrapper of (a shell, ``uv run``, a reloader): the process
    itself when it is none, or when no Python process is below it.

    Raises TargetError when there are several: which one is meant is not ours to guess.
    """
    table = read_table()
    if pid in table and is_python(pid):
        return _behind_reloader(table, table[pid]).pid
    programs = _topmost_python(table, pid)
    if len(programs) > 1:
        shown = ", ".join(str(one.pid) for one in programs[:_SHOWN_PROGRAMS])
        more = ", ..." if len(programs) > _SHOWN_PROGRAMS else ""
        raise TargetError(
            f"process {pid} is no Python process, and {len(programs)} Python programs run below"
            f" it: {shown}{more}",
            hint="give the number of the one that is meant",
        )
    return _behind_reloader(table, programs[0]).pid if programs else pid


def wrapper_notes(given: int, program: int) -> list[str]:
    """What to tell when the program is another process than the one that was given."""
    if program == given:
        return []
    command = " ".join(command_of(given))
    return [f"process {given} ({command}) is a wrapper: the program is process {program} below it"]


def _topmost_python(table: Mapping[int, ProcessEntry], root: int) -> list[ProcessEntry]:
    """The Python processes below one, those left out that another one of them started."""
    found: list[ProcessEntry] = []
    covered: set[int] = set()
    for entry in descendants(table, root):
        if entry.parent_pid in covered:
            covered.add(entry.pid)
        elif is_python(entry.pid):
            covered.add(entry.pid)
            found.append(entry)
    return found


def _behind_reloader(table: Mapping[int, ProcessEntry], program: ProcessEntry) -> ProcessEntry:
    command = command_of(program.pid)
    again = [
        entry
        for entry in table.values()
        if entry.parent_pid == program.pid
        and command_of(entry.pid)[1:] == command[1:]
        and not is_fork_of(entry, program)
    ]
    return again[0] if len(again) == 1 else program


def find_listener(root: int) -> int | None:
    """The topmost Python process of a tree that listens on any TCP port; None when none does."""
    table = read_table()
    top = table.get(root)
    for entry in ([top] if top else []) + descendants(table, root):
        if is_python(entry.pid) and listening_ports(entry.pid):
            return entry.pid
    return None
