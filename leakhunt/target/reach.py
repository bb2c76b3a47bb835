"""Reach a process: ask the agent that it prepared, or see what runs there and bring one."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from leakhunt.agent import bootstrap
from leakhunt.errors import TargetError
from leakhunt.target.answers import Hello
from leakhunt.target.attach import check, open_channel, require_ready
from leakhunt.target.connection import AgentConnection
from leakhunt.target.interpreter import Interpreter
from leakhunt.target.prepared import connect_prepared, find_socket
from leakhunt.target.process_native import native_agent_for_process


@dataclass(frozen=True, slots=True)
class Reached:
    """An agent at work in a process, and what a snapshot's header says of that process."""

    agent: AgentConnection
    process: dict[str, Any]
    python: dict[str, Any]
    stop_ns: int
    """How long the target stood still for the attach, all stops together."""
    way: str
    """How it was done, for people."""


def reach_process(
    pid: int,
    start_ticks: int,
    *,
    method: str = "auto",
    force: bool = False,
    hears_marks: bool = False,
    on_build: Callable[[], None] | None = None,
) -> Reached:
    """Reach the process of that number and start time.

    With ``auto`` an agent that the process prepared itself is asked, and an attach is made
    where there is none.

    Raises TargetError when it is out of reach or not that process any more, NativeBuildError
    when no agent fits it.  Cost: 10 to 60 ms, of which the target stands still for less than
    one; some seconds when an agent has to be built first.
    """
    if method == "auto":
        reached = _reach_prepared(pid, start_ticks, hears_marks=hears_marks)
        if reached is not None:
            return reached
    identity = require_ready(pid, method=method, force=force)
    if identity.start_ticks != start_ticks:
        raise another_process(pid)
    library, interpreter = native_agent_for_process(identity, on_build=on_build)
    # Nothing that nobody will use is put into the target.
    source = partial(bootstrap.source, offers_mark=hears_marks)
    channel = open_channel(pid, library, source=source, method=method, force=force)
    agent = AgentConnection(channel.sock, pid, hears_marks=hears_marks)
    hello = _greet(agent, start_ticks)
    facts = channel.facts
    return Reached(
        agent=agent,
        process=_describe_process(pid, start_ticks, hello),
        python=_describe(interpreter, identity.executable),
        stop_ns=sum(facts.stop_ns),
        way=f"{facts.method}, {facts.way} from {facts.state}",
    )


def require_reachable(pid: int, *, method: str = "auto", force: bool = False) -> None:
    """Find out what stands against `reach_process` without touching the process.

    Raises as that does.  Cost: a few milliseconds.
    """
    if method != "auto" or find_socket(pid) is None:
        require_ready(pid, method=method, force=force)


def _reach_prepared(pid: int, start_ticks: int, *, hears_marks: bool) -> Reached | None:
    """By the process's own agent, None when it has none.  It does not stand still for that."""
    sock = connect_prepared(pid)
    if sock is None:
        return None
    agent = AgentConnection(sock, pid, hears_marks=hears_marks)
    hello = _greet(agent, start_ticks)
    major, minor, micro = (hello.hexversion >> shift & 0xFF for shift in (24, 16, 8))
    return Reached(
        agent=agent,
        process=_describe_process(pid, start_ticks, hello),
        python={
            "version": f"{major}.{minor}.{micro}",
            "implementation": "cpython",
            "hexversion": hello.hexversion,
            "abi": f"cpython-{major}{minor}",
            "executable": _executable(pid),
        },
        stop_ns=0,
        way="the agent that it prepared",
    )


def _greet(agent: AgentConnection, start_ticks: int) -> Hello:
    """The agent's hello, when it is in that very process and knows its interpreter."""
    try:
        hello = agent.hello()
        if hello.start_ticks not in {0, start_ticks}:
            raise another_process(agent.pid)
        agent.self_test()
    except BaseException:
        agent.close()
        raise
    return hello


def _executable(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - a text, not a path of ours
    except OSError:
        return ""


def _describe_process(pid: int, start_ticks: int, hello: Hello) -> dict[str, Any]:
    """The process, as a snapshot's header has it."""
    return {
        "pid": pid,
        "start_ticks": start_ticks,
        "boot_id": hello.boot_id,
        "uid": hello.uid,
    }


def no_such_process(pid: int) -> TargetError:
    """There is no process of that number; why, where something else has it."""
    for obstacle in check(pid).obstacles:
        if obstacle.name in {"thread", "zombie"}:
            return TargetError(obstacle.message, hint=obstacle.hint)
    return TargetError(
        f"there is no process {pid}", hint="ps or pgrep -f tells the number of a running program"
    )


def another_process(pid: int) -> TargetError:
    """The number is used again by another process."""
    return TargetError(
        f"process {pid} ended, and another one has its number now",
        hint="look for the process again (pgrep -f) and give its new number",
    )


def _describe(interpreter: Interpreter, executable: str) -> dict[str, Any]:
    """The interpreter, as a snapshot's header has it."""
    return {
        "version": interpreter.version_text,
        "implementation": interpreter.implementation,
        "hexversion": interpreter.hexversion,
        "abi": interpreter.soabi,
        "executable": executable,
    }
