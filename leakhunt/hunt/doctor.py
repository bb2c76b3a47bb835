"""How is a process: watch it for a while, look at its heap once, let it go."""

from __future__ import annotations

import contextlib
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from leakhunt.analysis.vitals import Patient, Pauses, Reach, Sample, flags_of
from leakhunt.errors import LeakhuntError, TargetError, UsageError
from leakhunt.hunt.live_options import check_line_of_load, check_target
from leakhunt.hunt.member import Journal, Member, Wishes
from leakhunt.report.doctor_model import DoctorReport
from leakhunt.target.connection import AgentConnection
from leakhunt.target.family import Children, find_behind_wrapper, find_family, wrapper_notes
from leakhunt.target.launch import Launched
from leakhunt.target.load import LoadCommand
from leakhunt.target.probes import Probes
from leakhunt.target.progress import OnProgress, Progress, ignore_progress
from leakhunt.target.reach import no_such_process, reach_process
from leakhunt.target.readiness import Ready
from leakhunt.target.work_folder import WorkFolder

SAMPLES = 60
"""Moments looked at, at most; at least one every 10 s."""
_LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """A process, or a program to start, and how long to watch it."""

    pid: int | None = None
    """Process to attach to; else ``command`` is started, and ended when all is seen."""
    command: tuple[str, ...] = ()
    ready: Ready = field(default_factory=Ready)
    """When a started program can be watched."""
    load: str | None = None
    """Shell line that works the target, run again and again meanwhile."""
    duration_s: float = 30.0
    timeout_s: float | None = 300.0
    """For getting ready."""
    method: str = "auto"
    """Way to attach."""
    force: bool = False
    """Attach in spite of obstacles that can be forced (a seccomp filter)."""
    show_output: bool = False


def examine(options: DoctorOptions, on_progress: OnProgress | None = None) -> DoctorReport:
    """The red flags of a live process, or of a program that is started for it.

    Attaches, measures SAMPLES times (some microseconds of the interpreter lock each), takes one
    snapshot that is thrown away, and detaches.  Raises UsageError for bad options, TargetError
    when the process is out of reach or ends.
    """
    _check(options)
    with WorkFolder() as folder:
        examination = _Examination(options, folder.path, on_progress or ignore_progress)
        with examination.target() as pid:
            return examination.examine(pid)


def _check(options: DoctorOptions) -> None:
    """Refuse what cannot be done.  Raises UsageError."""
    check_target("the doctor", options.pid, options.command, options.ready)
    check_line_of_load(options.load)
    if not 1 <= options.duration_s <= _LONGEST_S:
        raise UsageError(
            f"{options.duration_s:g} s is no time to sample",
            hint=f"1 to {_LONGEST_S:g} s, 30 by default",
        )


@dataclass(slots=True)
class _Examination:
    """One examination from its beginning to its report."""

    options: DoctorOptions
    folder: Path
    tell: OnProgress
    launched: Launched | None = None
    notes: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def target(self) -> Iterator[int]:
        """The process to look at; a started program is ended afterwards."""
        options = self.options
        if options.pid is not None:
            program = find_behind_wrapper(options.pid)
            self.notes += wrapper_notes(options.pid, program)
            yield program
            return
        self.tell(Progress("start"))
        output = self.folder / "output.log"
        with Launched(options.command, output, show_output=options.show_output) as launched:
            self.launched = launched
            self.tell(Progress("ready", message=f"waiting until {options.ready}"))
            yield launched.wait_ready(options.ready, options.timeout_s)
            self.tell(Progress("exit"))

    def examine(self, pid: int) -> DoctorReport:
        """Attach, watch, look at the heap once, detach."""
        family = find_family(pid, Children.NONE)
        if not family:
            raise no_such_process(pid)
        output = self.folder / "now.lkheap"
        member = Member(family[0], self.folder, Journal(), Wishes(capture="auto", redact=True))
        self.tell(Progress("attach"))
        try:
            member.attach(
                lambda one: reach_process(
                    one.pid, one.start_ticks, method=self.options.method, force=self.options.force
                )
            )
            assert member.reached is not None
            samples, probes = self._watch(member.reached.agent)
            self.tell(Progress("capture", message="taking the snapshot"))
            pause_ns = member.capture("now", output).pause_ns
        except TargetError as error:
            raise self._gone(error) from error
        finally:
            member.detach()
        flags = flags_of(_patient(samples, probes, pid, output), self._reach(pid))
        self._note_loops(probes)
        return DoctorReport(
            pid=pid,
            command=self.options.command,
            duration_s=samples[-1].at_s,
            samples=len(samples),
            pause_ns=pause_ns,
            flags=flags,
            notes=(*self.notes, *member.notes),
        )

    # --- watching ---------------------------------------------------------------------------------

    def _watch(self, agent: AgentConnection) -> tuple[tuple[Sample, ...], Probes]:
        """Samples, evenly over the duration, the first at once; what the probes saw in it."""
        duration_s = self.options.duration_s
        step_s = min(duration_s / SAMPLES, 10.0) if duration_s > SAMPLES / 4 else duration_s / 10
        probes = agent.probes()
        with self._loaded() as check_load:
            started, samples = time.monotonic(), list[Sample]()
            while not samples or samples[-1].at_s < duration_s:
                check_load()
                at_s = time.monotonic() - started
                samples.append(_sample(agent, at_s))
                probes = agent.probes(keeps=True)
                self.tell(Progress("sample", int(min(at_s, duration_s)), int(duration_s)))
                time.sleep(max(0.0, min(step_s, duration_s - at_s)))
        agent.probes_stop()
        return tuple(samples), probes

    @contextlib.contextmanager
    def _loaded(self) -> Iterator[Callable[[], None]]:
        """Run the load again and again meanwhile.  Gives what raises if it cannot be run."""
        if self.options.load is None:
            yield lambda: None
            return
        is_over = threading.Event()
        with ThreadPoolExecutor(1, "leakhunt-load") as pool:
            running = pool.submit(self._load, self.options.load, is_over)
            try:
                yield lambda: _raise_of(running)
            finally:
                is_over.set()
        _raise_of(running)

    def _load(self, command: str, is_over: threading.Event) -> None:
        load = LoadCommand(command, show_output=self.options.show_output)
        while not is_over.is_set():
            run = load.run(keep_going=lambda: not is_over.is_set())
            if run.is_failed:
                said = f": {run.last_output}" if run.last_output else ""
                self.notes.append(f"the load failed with status {run.status}{said}")
                return

    # --- saying -----------------------------------------------------------------------------------

    def _gone(self, error: LeakhuntError) -> LeakhuntError:
        """Of a program that we started we know how it ended."""
        if self.launched is None or self.launched.status is None:
            return error
        return TargetError(f"the program ended: {self.launched.describe_end()}", hint=error.hint)

    def _reach(self, pid: int) -> Reach:
        options = self.options
        how = "--duration 60" if options.load is None else f"--load {shlex.quote(options.load)}"
        if not options.command:
            return Reach(f"{pid} {how}", str(pid))
        return Reach(f"{how} -- {shlex.join(options.command)}", "PID")

    def _note_loops(self, probes: Probes) -> None:
        if probes.loops_unmeasured:
            self.notes.append(
                f"event loops of another class than asyncio's own are not measured:"
                f" {probes.loops_unmeasured}"
            )


def _raise_of(running: Future[None]) -> None:
    if running.done():
        running.result()


def _sample(agent: AgentConnection, at_s: float) -> Sample:
    one = agent.measure()
    return Sample(at_s, one.rss_bytes, one.blocks, one.threads, one.descriptors, one.gc_enabled)


def _patient(samples: tuple[Sample, ...], probes: Probes, pid: int, file: Path) -> Patient:
    from leakhunt.analysis.awaits import Awaits
    from leakhunt.analysis.bills import bill_of_graph
    from leakhunt.graph.heap_graph import HeapGraph
    from leakhunt.hunt.heaps import open_columns

    graph = HeapGraph(open_columns(file))
    awaits = Awaits(graph)
    waits = [awaits.wait(node) for node in awaits.nodes]
    return Patient(
        samples=samples,
        descriptors_max=_descriptor_limit(pid),
        bill=bill_of_graph(graph),
        tasks=len(waits),
        stuck_tasks=sum(wait.is_stuck for wait in waits),
        collections=Pauses(probes.gc.p50_ns, probes.gc.p99_ns),
        collector_share=probes.gc_share,
        loop=_latest(probes),
    )


def _latest(probes: Probes) -> Pauses | None:
    """Of the event loop that is latest; one that hangs now is as late as it hangs."""
    seen = [one for one in probes.loops if one.ticks or one.waiting_ns]
    delays = [Pauses(one.p50_ns, max(one.p99_ns, one.waiting_ns)) for one in seen]
    return max(delays, key=lambda delay: (delay.p99_ns, delay.p50_ns), default=None)


def _descriptor_limit(pid: int) -> int | None:
    """The soft limit of open files; None when there is none or it is not known."""
    try:
        text = Path(f"/proc/{pid}/limits").read_text("ascii", "replace")
    except OSError:
        return None
    words = next((line.split() for line in text.splitlines() if line.startswith("Max open")), [])
    return int(words[3]) if len(words) > 3 and words[3].isdecimal() else None
