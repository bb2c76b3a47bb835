"""Whether an attach can succeed, found out without stopping or changing anything."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leakhunt.errors import TargetError
from leakhunt.target.attach.identify import SUPPORTED, ProcessIdentity, ProcessImage
from leakhunt.target.attach.inject import HELPER_THREAD, PENDING_CALL
from leakhunt.target.attach.memory import Memory
from leakhunt.target.attach.procfs import PROC, ProcessStatus, read_status, waits_in
from leakhunt.target.attach.registers import syscall_state
from leakhunt.target.attach.rights import Obstacle, explain_refusal
from leakhunt.target.attach.seccomp import can_read_filters
from leakhunt.target.interpreter import NEWEST, OLDEST

TOO_NEW = "too-new"
"""Name of the obstacle of an interpreter newer than this release knows."""

_OTHER_PYTHON = f"run the program with a supported interpreter; {SUPPORTED}"
_SECCOMP_STRICT, _SECCOMP_FILTER = 1, 2


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found out about a process before an attach."""

    pid: int
    status: ProcessStatus | None
    """None when there is no such process."""
    identity: ProcessIdentity | None
    """None when no interpreter was found, or it was out of reach."""
    obstacles: tuple[Obstacle, ...]
    """Why an attach would fail or do harm, the most fundamental first."""
    state: str = ""
    """What the main thread does at the moment."""
    way: str = ""
    """How an attach at this moment would work: ``pending call`` or ``helper thread``."""

    @property
    def is_ready(self) -> bool:
        """Nothing stands against an attach."""
        return not self.obstacles

    def require(self, *, force: bool = False, ignore: frozenset[str] = frozenset()) -> None:
        """Raise TargetError for the first obstacle that is neither ignored nor forced."""
        for obstacle in self.obstacles:
            if obstacle.name not in ignore and not (force and obstacle.can_be_forced):
                raise TargetError(obstacle.message, hint=obstacle.hint)


def check(pid: int, proc: Path = PROC) -> Preflight:
    """Look at a process from outside; a few milliseconds.  Raises nothing for a bad PID."""
    try:
        status = read_status(pid, proc)
    except (OSError, ValueError, IndexError, KeyError):
        missing = Obstacle(
            "no-process",
            f"there is no process {pid}",
            "look for its PID: pgrep -af python; in a container it has another one outside",
        )
        return Preflight(pid, None, None, (missing,))
    obstacles = list(_of_state(status))
    if obstacles:
        return Preflight(pid, status, None, tuple(obstacles))
    try:
        with Memory(pid, proc) as memory:
            identity = ProcessImage(pid, memory, proc).identity()
    except PermissionError:
        refusal = explain_refusal(status, read_status(os.getpid()), proc)
        return Preflight(pid, status, None, (refusal,))
    except OSError as exc:
        gone = Obstacle("no-process", f"process {pid} ended: {exc.strerror or exc}", "")
        return Preflight(pid, status, None, (gone,))
    except TargetError as exc:
        foreign = Obstacle("not-python", str(exc), exc.hint)
        return Preflight(pid, status, None, (foreign,))
    state, way = _main_thread(pid, proc)
    looks = can_read_filters(read_status(os.getpid()))
    found = (*_of_interpreter(identity), *_of_protection(status, filters_are_read=looks))
    return Preflight(pid, status, identity, found, state, way)


def _of_state(status: ProcessStatus) -> Iterator[Obstacle]:
    """What makes an attach pointless, whoever asks."""
    pid = status.pid
    if status.process_pid != pid:
        yield Obstacle(
            "thread",
            f"{pid} is a thread of process {status.process_pid}",
            f"give the PID {status.process_pid}",
        )
    elif status.process_pid == os.getpid():
        yield Obstacle(
            "self",
            f"{pid} is leakhunt itself",
            "to look at your own process, use leakhunt.agent.snapshots",
        )
    elif status.state in "ZX":
        yield Obstacle(
            "zombie",
            f"process {pid} ({status.name}) has ended; only its exit status is left",
            "start it again",
        )
    elif status.tracer_pid:
        yield Obstacle(
            "traced",
            f"process {pid} is traced by process {status.tracer_pid} already",
            "end that debugger, strace or profiler first",
        )
    elif status.state == "T":
        yield Obstacle(
            "stopped", f"process {pid} is stopped", f"let it go on first: kill -CONT {pid}"
        )


def _of_interpreter(identity: ProcessIdentity) -> Iterator[Obstacle]:
    """What the injector or the agent does not know."""
    what = f"process {identity.pid} runs CPython {identity.version_text}"
    oldest = ".".join(map(str, OLDEST))
    if not identity.is_x86_64:
        yield Obstacle("machine", f"process {identity.pid} is not x86-64", SUPPORTED)
    if identity.hexversion == 0:
        older = f"process {identity.pid} runs a CPython older than {oldest}"
        yield Obstacle("too-old", older, _OTHER_PYTHON)
    elif identity.version[:2] < OLDEST:
        yield Obstacle("too-old", f"{what}, which is older than {oldest}", _OTHER_PYTHON)
    elif identity.version[:2] > NEWEST:
        newest = ".".join(map(str, NEWEST))
        yield Obstacle(TOO_NEW, f"{what}, which is newer than {newest}", _OTHER_PYTHON)
    if identity.is_debug:
        yield Obstacle("debug", f"{what} in a debug build", _OTHER_PYTHON)
    if identity.is_free_threaded:
        yield Obstacle("free-threaded", f"{what} without a global lock", _OTHER_PYTHON)
    if not identity.libc.startswith("glibc"):
        libc = identity.libc or "a C library that is linked into it"
        yield Obstacle("libc", f"process {identity.pid} uses {libc}, not glibc", _OTHER_PYTHON)


def _of_protection(status: ProcessStatus, *, filters_are_read: bool) -> Iterator[Obstacle]:
    """What could turn an attach into harm.  Filters that can be read are judged by the attach."""
    pid = status.pid
    if status.seccomp == _SECCOMP_STRICT:
        yield Obstacle(
            "seccomp",
            f"process {pid} runs under strict seccomp: any other system call kills it",
            "prepare the program instead: python -m leakhunt.agent",
        )
    elif status.seccomp == _SECCOMP_FILTER and not filters_are_read:
        yield Obstacle(
            "seccomp",
            f"process {pid} runs under a seccomp filter; one that kills would end it",
            "run leakhunt as root outside of the container: there it can read the filter and"
            " judge it. The default profiles of Docker, Podman and Kubernetes allow what an attach"
            " does: with them, force it. Else prepare the program: python -m leakhunt.agent",
            can_be_forced=True,
        )
    for number in (signal.SIGSEGV, signal.SIGTRAP):
        if status.ignored_signals >> (number - 1) & 1:
            yield Obstacle(
                "ignored-signal",
                f"process {pid} ignores {number.name}, which an attach needs",
                f"leave {number.name} at its default in the program",
            )
    if status.has_shadow_stack:
        yield Obstacle(
            "shadow-stack",
            f"process {pid} runs with a shadow stack, which forbids calls from outside",
            "start it without: GLIBC_TUNABLES=glibc.cpu.x86_shstk=off",
        )


def _main_thread(pid: int, proc: Path) -> tuple[str, str]:
    """What it does at the moment, and what an attach would do there."""
    try:
        call = waits_in(pid, pid, proc)
    except OSError:
        return "", ""
    if call is None:
        return "user code", PENDING_CALL
    state = syscall_state(call[0], call[2])
    return state.text, HELPER_THREAD if state.can_start_thread else PENDING_CALL
