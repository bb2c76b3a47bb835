"""A running process, looked at about once a second: from outside, and by an agent from inside."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from leakhunt.errors import LeakhuntError
from leakhunt.target.sampler import ProcessSampler, Reading

if TYPE_CHECKING:
    from leakhunt.target.connection import AgentConnection
    from leakhunt.target.probes import Probes

KEPT: Final = 600
"""Moments that are remembered: ten minutes."""
_TICKS_A_SECOND: Final = 100
_MS: Final = 1e6


@dataclass(frozen=True, slots=True)
class Moment:
    """All that is known of the process at one time; None: not known."""

    at_s: float
    rss_bytes: int
    threads: int
    descriptors: int | None
    cpu_percent: float | None
    """Of one processor, since the moment before."""
    limit_bytes: int | None
    """The nearest memory limit of its control groups."""
    blocks: int | None
    gc_ms: float | None
    """The longest pause of the collector since the moment before."""
    gc_count: int | None
    loop_ms: float | None
    """The longest delay of an event loop since then; None without a loop."""


class Watcher:
    """Looks at one process; keeps an agent in it between the looks, when that may be."""

    def __init__(self, pid: int, leaves: threading.Event | None = None) -> None:
        """``leaves``: set when nobody may enter the process any more.

        Raises TargetError when there is no such process.
        """
        self._leaves = leaves or threading.Event()
        self._sampler = ProcessSampler(pid)
        self._agent: AgentConnection | None = None
        self._last: Reading | None = None
        self.why_not = ""
        """Why nothing is known from inside; empty when it is."""
        self.hint = ""
        self.is_inside = False
        """Our agent is in the process, or on its way there."""

    def look(self, *, is_inside: bool) -> Moment:
        """The process now; ``is_inside``: also by an agent, which is let in at the first look.

        About 0.1 ms and some microseconds of the target's interpreter lock.
        Raises TargetError when the process ended.
        """
        reading = self._sampler.read(time.monotonic())
        probes = None
        if is_inside:
            probes = self._probes()
        else:
            self._leave()
        moment = self._moment(reading, probes)
        self._last = reading
        return moment

    def close(self) -> None:
        """Let the process go."""
        self._leave()

    def _probes(self) -> Probes | None:
        if self._agent is None and not self.why_not:
            self.is_inside = True
            try:
                # Asked after it was said: who leaves looks at the one, we at the other.
                if not self._leaves.is_set():
                    self._agent = self._sampler.reach().agent
            except LeakhuntError as error:
                self.why_not, self.hint = str(error), error.hint
            finally:
                self.is_inside = self._agent is not None
        if self._agent is None:
            return None
        try:
            return self._agent.probes()
        except LeakhuntError as error:
            self.why_not, self.hint = str(error), error.hint
            self._leave()
            return None

    def _leave(self) -> None:
        agent, self._agent = self._agent, None
        if agent is not None:
            with contextlib.suppress(LeakhuntError):
                agent.close()
            self.is_inside = False

    def _moment(self, reading: Reading, probes: Probes | None) -> Moment:
        cpu, last = None, self._last
        if last is not None and reading.at_s > last.at_s:
            ticks = reading.cpu_ticks - last.cpu_ticks
            cpu = 100 * ticks / _TICKS_A_SECOND / (reading.at_s - last.at_s)
        loops = () if probes is None else probes.loops
        delays = [max(loop.max_ns, loop.waiting_ns) / _MS for loop in loops]
        return Moment(
            at_s=reading.at_s,
            rss_bytes=reading.rss_bytes,
            threads=reading.thread_count,
            descriptors=reading.descriptor_count,
            cpu_percent=cpu,
            limit_bytes=None if reading.group is None else reading.group.limit_bytes,
            blocks=None if probes is None else probes.blocks,
            gc_ms=None if probes is None else probes.gc.max_ns / _MS,
            gc_count=None if probes is None else probes.gc.count,
            loop_ms=max(delays) if delays else None,
        )


@dataclass(slots=True)
class Course:
    """The last moments, oldest first."""

    moments: deque[Moment] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, moment: Moment) -> None:
        """One more; the oldest is forgotten."""
        self.moments.append(moment)

    def series(self, name: str) -> tuple[list[float], list[float]]:
        """Seconds before now (0 and below) and values of a member, where it is known."""
        known = [(one.at_s, getattr(one, name)) for one in self.moments]
        now = self.moments[-1].at_s if self.moments else 0.0
        pairs = [(at - now, float(value)) for at, value in known if value is not None]
        return [at for at, _ in pairs], [value for _, value in pairs]
