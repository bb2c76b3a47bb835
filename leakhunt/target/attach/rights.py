"""Why the kernel does not let us trace a process, and what can be done about it."""

from __future__ import annotations

import pwd
from dataclasses import dataclass
from pathlib import Path

from leakhunt.target.attach.procfs import PROC, ProcessStatus

_CAP_SYS_PTRACE = 1 << 19
_PREPARED = "or prepare the program: python -m leakhunt.agent"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason why an attach would fail or do harm."""

    name: str
    """A short word for programs, for instance ``other-user``."""
    message: str
    """What it is, with the value."""
    hint: str
    """What to do about it."""
    can_be_forced: bool = False
    """It may work all the same; the risk is the user's to take."""


def explain_refusal(target: ProcessStatus, own: ProcessStatus, proc: Path = PROC) -> Obstacle:
    """The most likely reason for a permission error on ``/proc/PID/mem``."""
    can_trace_all = bool(own.effective_capabilities & _CAP_SYS_PTRACE)
    is_same_user = set(target.uids) <= {own.uids[1]} and set(target.gids) <= {own.gids[1]}
    scope = _yama_scope(proc)
    if scope == 3:
        return Obstacle(
            "yama",
            "kernel.yama.ptrace_scope is 3: nobody may trace until the next boot",
            f"set it to 1 and boot again, {_PREPARED}",
        )
    if own.uids[1] == 0 and not can_trace_all:
        return Obstacle(
            "no-capability",
            "root here lacks the capability SYS_PTRACE, as in most containers",
            "docker run --cap-add SYS_PTRACE; in Kubernetes"
            f" securityContext.capabilities.add: [SYS_PTRACE]; {_PREPARED}",
        )
    if not is_same_user and not can_trace_all:
        return Obstacle(
            "other-user",
            f"process {target.pid} belongs to {_user(target.uids[1])},"
            f" leakhunt runs as {_user(own.uids[1])}",
            f"run leakhunt as that user or as root (sudo), {_PREPARED}",
        )
    if not can_trace_all:
        return _of_same_user(target, own, scope, proc)
    return Obstacle(
        "forbidden",
        f"the kernel forbids tracing process {target.pid} though leakhunt has SYS_PTRACE",
        "it may be in another user namespace, or a security module (AppArmor, SELinux)"
        f" forbids it: run leakhunt inside its container, {_PREPARED}",
    )


def _of_same_user(target: ProcessStatus, own: ProcessStatus, scope: int, proc: Path) -> Obstacle:
    """The process is ours and still out of reach."""
    if target.permitted_capabilities & ~own.permitted_capabilities:
        return Obstacle(
            "capabilities",
            f"process {target.pid} has capabilities that leakhunt lacks",
            f"run leakhunt as root (sudo), {_PREPARED}",
        )
    # The files of a protected process belong to root; the folder does not show it.
    if (proc / str(target.pid) / "stat").stat().st_uid != target.uids[1]:
        return Obstacle(
            "not-dumpable",
            f"process {target.pid} is protected (set-user-id, file capabilities, or"
            " prctl PR_SET_DUMPABLE 0)",
            f"run leakhunt as root (sudo), {_PREPARED}",
        )
    if scope == 2:
        return Obstacle(
            "yama",
            "kernel.yama.ptrace_scope is 2: only root may trace",
            f"run leakhunt as root (sudo), {_PREPARED}",
        )
    if scope == 1:
        return Obstacle(
            "yama",
            "kernel.yama.ptrace_scope is 1: only a parent may trace",
            "run leakhunt as root (sudo); or let leakhunt start the program; or"
            f" sudo sysctl kernel.yama.ptrace_scope=0; {_PREPARED}",
        )
    return Obstacle(
        "forbidden",
        f"the kernel forbids tracing process {target.pid}",
        "a container or a security module (AppArmor, SELinux) may forbid it: docker run"
        f" --cap-add SYS_PTRACE, run leakhunt as root, {_PREPARED}",
    )


def _yama_scope(proc: Path) -> int:
    try:
        return int((proc / "sys/kernel/yama/ptrace_scope").read_text())
    except (OSError, ValueError):
        return 0


def _user(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
