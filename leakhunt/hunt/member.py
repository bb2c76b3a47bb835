"""One process of a live hunt: what is done to it, step by step, and what is known of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import leakhunt
from leakhunt.agent.format import FILE_SUFFIX
from leakhunt.agent.scenario import COLLECTIONS_MAX, SAMPLE_S, Settler
from leakhunt.errors import LeakhuntError
from leakhunt.report.intervention import Intervention
from leakhunt.target.answers import CaptureResult, Trim
from leakhunt.target.connection import AgentConnection
from leakhunt.target.events import EXACT_TRACES, Measure
from leakhunt.target.family import Relative
from leakhunt.target.process_table import is_running
from leakhunt.target.reach import Reached

MAX_WAIT_MS = 1000
"""How long a capture waits for a collection that is under way in another thread."""
UNWATCHED: dict[str, Any] = {
    "method": "address and type", "exact": False, "inferred_types": [], "note": "",
}  # fmt: skip


class Journal:
    """Everything done to the processes of one hunt, in order of time."""

    def __init__(self) -> None:
        self._started = time.monotonic_ns()
        self._lock = threading.Lock()
        self._entries: list[Intervention] = []

    def note(self, pid: int, kind: str, pause_ns: int, note: str = "") -> None:
        """Enter one intervention that ended just now."""
        with self._lock:
            at_ns = time.monotonic_ns() - self._started
            self._entries.append(Intervention(pid, kind, at_ns, pause_ns, note))

    def entries(self, pid: int | None = None) -> tuple[Intervention, ...]:
        """Those of one process, or all."""
        with self._lock:
            return tuple(one for one in self._entries if pid in (None, one.pid))


@dataclass(frozen=True, slots=True)
class Wishes:
    """How snapshots and collections are to be made."""

    capture: str = "auto"
    redact: bool = False
    content: bool = False
    max_pause_ns: int | None = None


@dataclass(slots=True)
class Member:
    """One process.  Its steps raise TargetError when it is gone or out of reach."""

    relative: Relative
    folder: Path
    journal: Journal
    wishes: Wishes
    reached: Reached | None = None
    path_by_label: dict[str, Path] = field(default_factory=dict)
    measure_by_label: dict[str, Measure] = field(default_factory=dict)
    collect_ns: list[int] = field(default_factory=list)
    """Forced collections before the final snapshot."""
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    way: str = ""
    """How it was attached to."""
    error: LeakhuntError | None = None
    """Why nothing more can be done with it."""
    _identity: dict[str, Any] = field(default_factory=lambda: dict(UNWATCHED))
    _python: dict[str, Any] = field(default_factory=dict)
    _process: dict[str, Any] = field(default_factory=dict)
    _since: tuple[str, int] | None = None

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.relative.pid

    @property
    def is_there(self) -> bool:
        """Whether steps can still be done."""
        return self.error is None

    @property
    def python(self) -> Mapping[str, Any]:
        """Its interpreter, as far as it was reached."""
        return self._python

    def is_running(self) -> bool:
        """Whether that very process still runs."""
        return is_running(self.pid, self.relative.start_ticks)

    # --- steps ------------------------------------------------------------------------------------

    def attach(self, reach: Callable[[Relative], Reached]) -> None:
        """Bring the agent in."""
        self.reached = reached = reach(self.relative)
        self._python, self._process, self.way = reached.python, reached.process, reached.way
        self.journal.note(self.pid, "attach", reached.stop_ns, reached.way)
        reached.agent.prepare()

    def settle(self, at: str, limit_s: float) -> None:
        """Wait until it is at rest, measured from here; noted when it does not come to rest."""
        agent = self._agent
        started = time.monotonic()
        settler = Settler()
        while True:
            measure = agent.measure()
            if settler.add(measure.blocks, measure.rss_bytes):
                return
            waited_s = time.monotonic() - started
            if waited_s >= limit_s:
                self.notes.append(
                    f"the target did not come to rest within {waited_s:.1f} s before the {at}"
                    " snapshot: what it was doing is part of the growth"
                )
                return
            time.sleep(SAMPLE_S)

    def collect(self, at: str) -> None:
        """Force collections until one frees nothing; refused when it would take too long."""
        for _ in range(COLLECTIONS_MAX):
            done = self._agent.collect(self.wishes.max_pause_ns)
            if done.is_refused:
                self.notes.append(
                    f"no collection before the {at} snapshot: it would have paused the target for"
                    f" about {done.predicted_ns / 1e6:.0f} ms, more than --max-pause allows"
                )
                return
            if done.is_collecting:
                self.notes.append(f"no collection before the {at} snapshot: the program made one")
                return
            self.journal.note(self.pid, "collect", done.ns, f"before {at}, freed {done.freed:,}")
            if at == "final":
                self.collect_ns.append(done.ns)
            if not done.freed:
                return

    def trim(self) -> Trim:
        """Have its C library give back what it holds free."""
        done = self._agent.trim()
        freed = done.rss_before_bytes - done.rss_after_bytes
        self.journal.note(self.pid, "trim", done.ns, f"{freed:,} bytes given back")
        return done

    def keep_alive(self) -> None:
        """Say that we are still there."""
        self._agent.keep_alive()

    def poll_marks(self) -> list[str]:
        """Labels of the moments that the program marked, and now waits in."""
        return [mark.label for mark in self._agent.events()]

    def release(self) -> None:
        """Let the program go on that waits in a mark."""
        self._agent.release()

    def start_births(self) -> None:
        """Watch births from now on; without it they are inferred, which is noted."""
        started = time.monotonic_ns()
        try:
            births = self._agent.birth_start()
        except LeakhuntError as error:
            if not self.is_running():
                raise
            self.notes.append(f"births are not watched: {error}")
            return
        self._identity = {
            "method": births.method,
            "exact": births.exact,
            "inferred_types": list(births.inferred_types),
            "note": births.note,
        }
        self.journal.note(self.pid, "birth_start", time.monotonic_ns() - started, births.method)

    def start_sites(self, sample_bytes: int) -> None:
        """Sample allocations from now on; what keeps it from that is noted."""
        started = time.monotonic_ns()
        try:
            source = self._agent.sites_start(sample_bytes).source
        except LeakhuntError as error:
            if not self.is_running():
                raise
            self.notes.append(f"allocations are not sampled: {error}")
            return
        if source != "sampled":
            self.notes.append(EXACT_TRACES)
        self.journal.note(self.pid, "sites_start", time.monotonic_ns() - started, source)

    def capture(self, label: str, path: Path | None = None) -> CaptureResult:
        """Take one snapshot, into its folder or to ``path``."""
        agent = self._agent
        measure = agent.measure()
        self.measure_by_label[label] = Measure(
            rss_bytes=measure.rss_bytes,
            threads=measure.threads,
            descriptors=measure.descriptors,
            blocks=measure.blocks,
        )
        if path is None:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            path = self.folder / (label + FILE_SUFFIX)
        # Milliseconds since boot: in order also across hunts of one process.
        sequence = time.monotonic_ns() // 1_000_000
        done = agent.capture(
            path,
            self._header(label, sequence),
            mark=label != "final",
            mode=self.wishes.capture,
            max_wait_ms=MAX_WAIT_MS,
            redact=self.wishes.redact,
            content=self.wishes.content,
        )
        self.path_by_label[label] = path
        why = f" ({done.why})" if done.why else ""
        self.journal.note(self.pid, "capture", done.pause_ns, f"{label}, {done.mode}{why}")
        if label != "final":
            self._since = (label, sequence)
        return done

    def detach(self) -> None:
        """Let go of it.  Never raises: when it is gone there is nothing to let go of."""
        reached, self.reached = self.reached, None
        if reached is None:
            return
        with suppress(LeakhuntError, OSError):
            rest = reached.agent.close()
            self.journal.note(self.pid, "detach", 0, "" if rest.restored else rest.note)
            if self.is_there and not rest.restored and self.is_running():
                self.notes.append(f"process {self.pid} was not left as it was: {rest.note}")

    def lose(self, doing: str, error: LeakhuntError) -> None:
        """Nothing more can be done with it; said unless all its snapshots are there."""
        if self.error is not None:
            return
        self.error = error
        if "final" not in self.path_by_label:
            what = "ended" if not self.is_running() else "was lost"
            self.errors.append(f"process {self.pid} {what} while {doing}: {error}")

    # ----------------------------------------------------------------------------------------------

    @property
    def _agent(self) -> AgentConnection:
        assert self.reached is not None, "attach() comes first"
        return self.reached.agent

    def _header(self, label: str, sequence: int) -> dict[str, Any]:
        since = self._since
        return {
            "format": "leakhunt-stream",
            "tool": leakhunt.__version__,
            "label": label,
            "sequence": sequence,
            "process": self._process,
            "python": self._python,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "mode": self.wishes.capture,
            "redaction": "hash" if self.wishes.redact else "names",
            "identity": {
                **self._identity,
                "since": None if since is None else since[0],
                "since_sequence": None if since is None else since[1],
            },
            "interventions": [
                {"kind": one.kind, "at_ns": one.at_ns, "pause_ns": one.pause_ns, "note": one.note}
                for one in self.journal.entries(self.pid)
            ],
        }
