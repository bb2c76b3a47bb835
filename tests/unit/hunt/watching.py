"""A world of its own for a watch: waiting moves its clock, processes have what they are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

from leakhunt.errors import TargetError
from leakhunt.hunt.watch.loop import Watch, World
from leakhunt.hunt.watch.options import (
    WatchOptions,
)
from leakhunt.report.watch_model import (
    EventKind,
    WatchEvent,
)
from leakhunt.target.cgroup import GroupLimit
from leakhunt.target.family import Relative
from leakhunt.target.probes import LoopDelay
from leakhunt.target.sampler import Reading

MIB = 1 << 20
PID = 77


NO_PYTHON = 1 << 22
"""A number that no process has."""
SHARES = {PID: 1, 78: 3, 79: 2, NO_PYTHON: 1}
"""How much of it each of a family has."""


@dataclass
class FakeLook:
    """A look of a fake process; while it listens there are a thread and three descriptors more."""

    fake: Fake
    measure: Any
    is_listening: bool

    def __post_init__(self) -> None:
        self.fake.listening += self.is_listening

    def end(self) -> LoopDelay | None:
        self.fake.listening -= self.is_listening
        self.is_listening = False
        return self.fake.delay


@dataclass
class Fake:
    """A world whose clock is moved by waiting, and a process that has what it is told."""

    rss: Callable[[float], float] = lambda _: 100.0 * MIB
    group: Callable[[float], GroupLimit | None] = lambda _: None
    ends_s: float = float("inf")
    now_s: float = 0.0
    age_s: float = 1e6
    events: list[WatchEvent] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    looks: int = 0
    family: Callable[[float], tuple[int, ...]] = lambda _: (PID,)
    program: Callable[[float], int] = lambda _: PID
    """Behind the process that is given."""
    look_fails: Callable[[float], bool] = lambda _: False
    start: Callable[[float], int] = lambda _: 5
    blocks: Callable[[int], int] = lambda looks: 1000 + looks
    """At each look."""
    delay: LoopDelay | None = None
    """Of its event loop, if it has one."""
    listening: int = 0
    """Looks that are in it now."""

    def watch(self, **options: Any) -> Watch:
        world = World(
            clock=lambda: self.now_s,
            now=lambda: 1.8e9 + self.now_s,
            wait=self._wait,
            sampler=lambda pid, start: SimpleNamespace(  # type: ignore[arg-type,return-value]
                pid=pid, start_ticks=start, read=partial(self._read, pid), look=self._look
            ),
            program=lambda _: self.program(self.now_s),
            family=lambda _: tuple(
                Relative(pid, self.start(self.now_s), ("python", "app.py"), is_root=i == 0)
                for i, pid in enumerate(self.family(self.now_s))
            ),
            age_s=lambda _: self.age_s + self.now_s,
        )
        return Watch(WatchOptions(**{"pid": PID, **options}), self.events.append, world)

    def run(self, rounds: int, **options: Any) -> None:
        with self.watch(**options) as watch:
            for _ in range(rounds):
                watch.step()
                self._wait(watch._wait_s())

    def of(self, kind: EventKind) -> list[WatchEvent]:
        return [event for event in self.events if event.kind is kind]

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_s += seconds

    def _read(self, pid: int, at_s: float) -> Reading:
        if self.now_s >= self.ends_s:
            raise TargetError(f"process {PID} ended")
        return Reading(
            at_s,
            int(self.rss(self.now_s)) * SHARES[pid],
            2 + self.listening,
            9 + 3 * self.listening,
            0,
            self.group(self.now_s),
        )

    def _look(self, **_: Any) -> Any:
        self.looks += 1
        if self.look_fails(self.now_s):
            raise TargetError("it is out of reach")
        measure = SimpleNamespace(
            blocks=self.blocks(self.looks), gc_enabled=True, gc_young=7, threads=2, descriptors=9
        )
        return FakeLook(self, measure, is_listening=self.delay is not None)


def event(**changes: Any) -> WatchEvent:
    return WatchEvent(
        **{"kind": EventKind.ALARM, "time_s": 1.8e9, "pid": PID, "message": "it grows", **changes}
    )
