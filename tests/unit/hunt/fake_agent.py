"""An agent that nobody had to bring anywhere: its process holds as many things as a file has
bytes, so that a load command which appends to the file makes it leak."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leakhunt.agent.format import RunKind
from leakhunt.agent.graph_kinds import RootKind
from leakhunt.errors import TargetError
from leakhunt.target.answers import (
    Births,
    CaptureResult,
    Collection,
    LiveMeasure,
    Mark,
    Rest,
    SitesStarted,
)
from leakhunt.target.family import Relative
from leakhunt.target.process_table import read_entry
from leakhunt.target.reach import Reached
from tests.stream_writer import Run, StreamWriter


@dataclass
class FakeAgent:
    """Answers what AgentConnection would."""

    pid: int
    work: Path
    """Its size is the number of things kept."""
    marks: list[str] = field(default_factory=list)
    fails_at: str = ""
    """Name of the call that finds the target gone."""
    collections: list[int] = field(default_factory=lambda: [3, 0])
    calls: list[str] = field(default_factory=list)
    headers: list[dict[str, Any]] = field(default_factory=list)
    refuses_collections: bool = False
    born_since: int = 0

    def _note(self, call: str) -> None:
        self.calls.append(call)
        entry = read_entry(self.pid)
        if call == self.fails_at or entry is None or entry.is_dead:
            raise TargetError(f"the target (process {self.pid}) ended")

    @property
    def kept(self) -> int:
        return self.work.stat().st_size if self.work.exists() else 0

    def prepare(self) -> None:
        self._note("prepare")

    def keep_alive(self) -> None:
        self._note("keep_alive")

    def measure(self) -> LiveMeasure:
        self._note("measure")
        return LiveMeasure(
            rss_bytes=10_000_000, blocks=1000, threads=1, descriptors=5, gc_enabled=True,
            gc_collecting=False, gc_young=0, gc_frozen=0, has_births=False, predicted=None,
        )  # fmt: skip

    def collect(self, max_pause_ns: int | None = None) -> Collection:
        self._note("collect")
        if self.refuses_collections:
            return Collection(0, 0, 70_000_000, True, False)
        freed = self.collections.pop(0) if self.collections else 0
        return Collection(freed, 2_000_000, 2_000_000, False, False)

    def birth_start(self) -> Births:
        self._note("birth_start")
        return Births("allocator", True, (), "")

    def sites_start(self, sample_bytes: int) -> SitesStarted:
        self._note("sites_start")
        return SitesStarted("sampled", sample_bytes, 2)

    def events(self) -> list[Mark]:
        marks, self.marks = [Mark(label) for label in self.marks[:1]], self.marks[1:]
        return marks

    def release(self) -> None:
        self._note("release")

    def close(self) -> Rest:
        self._note("close")
        return Rest(True, "")

    def capture(
        self, path: Path, header: dict[str, Any], *, mark: bool, mode: str, **_: Any
    ) -> CaptureResult:
        self._note(f"capture {header['label']}")
        self.headers.append(header)
        writer = heap_of(self.kept, self.born_since, header)
        self.born_since = self.kept if mark else self.born_since
        writer.write(path)
        return CaptureResult(path, 1_500_000, "in-process", "", 1, 2, writer.node_count, 99, False)


def heap_of(kept: int, old: int, header: dict[str, Any]) -> StreamWriter:
    """``shop.KEPT``, a list of ``kept`` things, of which the first ``old`` are old."""
    writer = StreamWriter(header)
    module = writer.type("builtins.module", base_size=72, run=RunKind.NAMED)
    sequence = writer.type("builtins.list", base_size=56, run=RunKind.INDEX)
    thing = writer.type("shop.Thing", base_size=64)
    symbols = [writer.symbol(name) for name in ("shop", "KEPT")]
    things = [0x10000 + 64 * i for i in range(kept)]
    writer.node(0x1000, module, runs=[Run(RunKind.NAMED, [0x2000], symbols=symbols[1:])])
    writer.node(0x2000, sequence, size=56 + 8 * kept, runs=[Run(RunKind.INDEX, things)])
    for i, address in enumerate(things):
        writer.node(address, thing, is_born=i >= old, is_tracked=True)
    writer.root(
        RootKind.MODULES, "sys.modules", [Run(RunKind.NAMED, [0x1000], symbols=symbols[:1])]
    )
    return writer


class FakeReach:
    """Attaches to whatever it is told; one agent a process."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.options = options
        self.agents: dict[int, FakeAgent] = {}
        self.refused: set[int] = set()

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def __call__(self, relative: Relative) -> Reached:
        if relative.pid in self.refused:
            raise TargetError(f"process {relative.pid} is out of reach", hint="ask for leave")
        agent = FakeAgent(relative.pid, self.work, **self.options)
        self.agents[relative.pid] = agent
        process = {
            "pid": relative.pid, "start_ticks": relative.start_ticks, "boot_id": "b",
            "uid": os.getuid(),
        }  # fmt: skip
        python = {
            "version": "3.12.1", "implementation": "cpython", "hexversion": 0x030C01F0,
            "abi": "cpython-312", "executable": "/usr/bin/python3",
        }  # fmt: skip
        return Reached(agent, process, python, 300_000, "ptrace, pending call")  # type: ignore[arg-type]

    @property
    def agent(self) -> FakeAgent:
        (agent,) = self.agents.values()
        return agent


def wait_for(condition: Any, limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)
