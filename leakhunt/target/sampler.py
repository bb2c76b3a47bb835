"""The state of a process at one moment, from outside, and now and then from inside.

From outside costs three small files and nothing in the process; from inside an attach and some
microseconds of its interpreter lock (no attach where the process is prepared).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from leakhunt.errors import TargetError
from leakhunt.target.answers import LiveMeasure
from leakhunt.target.cgroup import GroupLimit, limit_of_cgroup
from leakhunt.target.connection import AgentConnection
from leakhunt.target.probes import LoopDelay
from leakhunt.target.process_table import read_entry
from leakhunt.target.reach import Reached, another_process, no_such_process, reach_process


@dataclass(frozen=True, slots=True)
class Reading:
    """A process at one moment, from outside."""

    at_s: float
    """By the clock of who asks."""
    rss_bytes: int
    thread_count: int
    descriptor_count: int | None
    """None when that may not be read."""
    cpu_ticks: int
    group: GroupLimit | None
    """The memory limit that is nearest, None without one."""


class Look:
    """A look from inside: the state at once and, where an event loop runs, its delays later.

    End it soon: the agent serves one client at a time.
    """

    def __init__(self, agent: AgentConnection) -> None:
        """Take the state, and listen if there is a loop; ``agent`` is owned from now on.

        Raises TargetError.
        """
        self._agent = agent
        try:
            self.measure: LiveMeasure = agent.measure()
            self.is_listening = bool(agent.probes().loops)
        except BaseException:
            agent.close()
            raise
        if not self.is_listening:
            agent.close()

    def end(self) -> LoopDelay | None:
        """Leave; how late the slowest loop was since.  None when that is not known."""
        if not self.is_listening:
            return None
        self.is_listening = False
        try:
            return self._agent.probes().slowest_loop
        except TargetError:  # it ended meanwhile
            return None
        finally:
            self._agent.close()


class ProcessSampler:
    """Reads one process, and no other that may get its number."""

    def __init__(self, pid: int, start_ticks: int | None = None) -> None:
        """``start_ticks``: when it started; None takes the process that has the number now.

        Raises TargetError when there is no such process.
        """
        entry = read_entry(pid)
        if entry is None or entry.is_dead:
            raise no_such_process(pid)
        self.pid = pid
        self.start_ticks = entry.start_ticks if start_ticks is None else start_ticks

    def read(self, at_s: float) -> Reading:
        """Its state now.  About 0.1 ms.

        Raises TargetError when it ended, or when another process has its number.
        """
        entry = read_entry(self.pid)
        if entry is None or entry.is_dead:
            raise TargetError(
                f"process {self.pid} ended", hint="what it printed or logged last may say why"
            )
        if entry.start_ticks != self.start_ticks:
            raise another_process(self.pid)
        return Reading(
            at_s,
            entry.rss_bytes,
            entry.thread_count,
            _descriptors(self.pid),
            entry.cpu_ticks,
            limit_of_cgroup(self.pid),
        )

    def reach(
        self,
        *,
        method: str = "auto",
        force: bool = False,
        on_build: Callable[[], None] | None = None,
    ) -> Reached:
        """An agent in it; close it soon: it serves one client at a time.  Raises TargetError."""
        return reach_process(
            self.pid, self.start_ticks, method=method, force=force, on_build=on_build
        )

    def look(self, *, method: str = "auto", force: bool = False) -> Look:
        """Its state from inside.  Raises TargetError.

        About 30 ms, of which it stands still for less than one; 2 ms where it is prepared.
        """
        return Look(self.reach(method=method, force=force).agent)


def _descriptors(pid: int) -> int | None:
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            return sum(1 for _ in entries)
    except OSError:
        return None
