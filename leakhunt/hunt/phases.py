"""What divides a live hunt into phases: runs of a load command, time, keys, or marks.

Each kind of phases yields the labels of the snapshots, each at its moment, and knows afterwards
how much load there was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from leakhunt.errors import TargetError, UsageError
from leakhunt.hunt.live_options import LiveOptions, PhaseControl
from leakhunt.report.model import LoadRunSummary, LoadSummary
from leakhunt.target.load import LoadCommand, LoadRun
from leakhunt.target.progress import OnProgress, Progress

POLL_S = 0.05


class Watch(Protocol):
    """The processes being hunted, as far as the phases need them."""

    def look_after(self) -> bool:
        """Called often; False when nobody is left to be loaded."""

    def poll_mark(self) -> str | None:
        """Label of a moment that a program marked, and in which it now waits."""

    def release(self) -> None:
        """Let the program that marked the last moment go on."""


@dataclass(slots=True)
class LoadRecord:
    """How much load there was between baseline and loaded."""

    command: str | None = None
    runs: list[LoadRun] = field(default_factory=list)
    before_window_ns: int = 0
    after_window_ns: int = 0
    cycle: str = "cycle"
    """What one cycle is: request, cycle, run, second or third."""
    cycles: int | None = None
    window_cycles: int | None = None
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def duration_ns(self) -> int:
        """Time of the load, captures left out."""
        return self.before_window_ns + self.after_window_ns

    def summary(self) -> LoadSummary:
        """For the report."""
        return LoadSummary(
            self.command, self.cycle, self.duration_ns, tuple(map(_summary, self.runs))
        )


class Phases(Protocol):
    """Divides a hunt."""

    record: LoadRecord
    is_marked: bool
    """The program waits at the very moment: it needs no settling."""

    def warm_up(self, keep_going: Callable[[], bool]) -> None:
        """Load the target before anything is done to it.

        Raises UsageError when the load command cannot work at all.
        """

    def moments(self, watch: Watch) -> Iterator[str]:
        """Labels of the snapshots to take, each at its moment."""


def phases_of(options: LiveOptions, tell: OnProgress) -> Phases:
    """The phases that the options ask for."""
    if options.load is not None:
        return LoadPhases(options, tell)
    if options.duration_s is not None:
        return TimePhases(options, options.duration_s, tell)
    return TalkPhases(options, tell)


# --- a load command --------------------------------------------------------------------------


class LoadPhases:
    """The load command runs once to warm up, then so many times; the window is after the first.

    A holder that grew at one rate in the first run and in the others grows with the load.
    """

    is_marked = False

    def __init__(self, options: LiveOptions, tell: OnProgress) -> None:
        assert options.load is not None
        self._options = options
        self._tell = tell
        self._load = LoadCommand(options.load, show_output=options.show_output)
        warmup = options.warmup_load or options.load
        self._warmup = LoadCommand(warmup, show_output=options.show_output)
        self.record = LoadRecord(command=options.load)

    def warm_up(self, keep_going: Callable[[], bool]) -> None:
        """See Phases."""
        for number in range(self._options.warmup):
            self._tell(Progress("warmup", number, self._options.warmup, "warming up"))
            run = self._warmup.run(timeout_s=self._options.timeout_s, keep_going=keep_going)
            if run.is_failed and not run.figures.requests:
                raise UsageError(
                    f"the load command {self._warmup.command!r} failed in the warm-up"
                    f" (status {run.status}): {run.last_output or 'it printed nothing'}",
                    hint="does it work by itself? nothing was done to the target",
                )

    def moments(self, watch: Watch) -> Iterator[str]:
        """See Phases."""
        yield "baseline"
        rounds = self._options.rounds
        for number in range(1, rounds + 1):
            self._tell(Progress("load", number - 1, rounds, "running the load"))
            run = self._run(watch)
            self.record.runs.append(run)
            self._note_failure(run, number, watch)
            if number == 1:
                self.record.before_window_ns = run.duration_ns
                if rounds > 1:
                    yield "window"
            else:
                self.record.after_window_ns += run.duration_ns
            if run.is_cut_short:
                break
        self._count()
        yield "loaded"
        yield "final"

    def _run(self, watch: Watch) -> LoadRun:
        def keep_going() -> bool:
            return watch.look_after() and not self._options.stop_requested()

        return self._load.run(timeout_s=self._options.timeout_s, keep_going=keep_going)

    def _note_failure(self, run: LoadRun, number: int, watch: Watch) -> None:
        which = f"run {number} of {self._options.rounds} of the load command"
        if run.is_cut_short:
            self.record.errors.append(
                f"{which} was ended after {run.duration_ns / 1e9:.1f} s"
                + ("" if watch.look_after() else ": the target was gone")
            )
        elif run.is_failed:
            said = f": {run.last_output}" if run.last_output else ""
            # A tool that counted its requests did load the target, whatever it thinks of them.
            kept = self.record.notes if run.figures.requests else self.record.errors
            kept.append(f"{which} ended with status {run.status}{said}")

    def _count(self) -> None:
        """Cycles: as given, else the requests that the tool counted, else the runs."""
        record, given = self.record, self._options.cycles
        done = [run for run in record.runs if not run.is_cut_short]
        counts = [run.figures.requests for run in done]
        if not done or len(done) < len(record.runs):
            return  # How much the run that was ended did is not known.
        if given is not None:
            record.cycles, record.window_cycles = given * len(done), given
        elif all(counts):
            known = [count or 0 for count in counts]
            record.cycle, record.cycles, record.window_cycles = "request", sum(known), known[0]
        else:
            record.cycle, record.cycles, record.window_cycles = "run", len(done), 1
            record.notes.append(
                "A cycle is one run of the load command: it did not say how many requests it made"
                " (--cycles N says it)."
            )
        if len(done) < 2:
            record.window_cycles = None


def _summary(run: LoadRun) -> LoadRunSummary:
    figures = run.figures
    return LoadRunSummary(
        status=run.status,
        duration_ns=run.duration_ns,
        tool=figures.tool,
        requests=figures.requests,
        failed=figures.failed,
        latency_ns=figures.latency_ns,
    )


# --- time ------------------------------------------------------------------------------------


class TimePhases:
    """The load comes from elsewhere and is over after so long; the window is after a third."""

    is_marked = False

    def __init__(self, options: LiveOptions, duration_s: float, tell: OnProgress) -> None:
        self._options = options
        self._duration_s = duration_s
        self._tell = tell
        self.record = LoadRecord()

    def warm_up(self, keep_going: Callable[[], bool]) -> None:
        """The target has been at work already."""

    def moments(self, watch: Watch) -> Iterator[str]:
        """See Phases."""
        yield "baseline"
        early_s = self._duration_s / 3
        is_whole = False
        try:
            is_whole = self._wait(watch, 0.0, early_s)
            yield "window"
            is_whole = self._wait(watch, early_s, self._duration_s - early_s) and is_whole
        finally:
            # Whoever interrupts it wants to see what there was until then.
            count_by_time(self.record, self._options.cycles if is_whole else None)
        yield "loaded"
        yield "final"

    def _wait(self, watch: Watch, before_s: float, wait_s: float) -> bool:
        """Let so many seconds pass; whether they did."""
        started = time.monotonic()
        try:
            while (passed_s := time.monotonic() - started) < wait_s:
                if not watch.look_after() or self._options.stop_requested():
                    so_far = f"{before_s + passed_s:.1f} of {self._duration_s:g} s"
                    self.record.errors.append(f"the load was ended after {so_far}")
                    return False
                passed = int(before_s + passed_s)
                self._tell(Progress("load", passed, int(self._duration_s), "letting it work (s)"))
                time.sleep(min(POLL_S, max(wait_s - passed_s, 0.0)))
            return True
        finally:
            passed_ns = int((time.monotonic() - started) * 1e9)
            if before_s:
                self.record.after_window_ns = passed_ns
            else:
                self.record.before_window_ns = passed_ns


def count_by_time(record: LoadRecord, given: int | None) -> None:
    """Cycles as given, those before the window by its share of the time; else seconds."""
    total_ns = record.duration_ns
    if given is not None:
        record.cycles = given
    else:
        record.cycle, record.cycles = "second", max(1, round(total_ns / 1e9))
    early = round(record.cycles * record.before_window_ns / total_ns) if total_ns else 0
    record.window_cycles = early if 0 < early < record.cycles else None


# --- keys and marks --------------------------------------------------------------------------


class TalkPhases:
    """A person at the keyboard, or the program itself, says when a phase ends.

    With keys the baseline is taken at once; with marks alone the program marks it too.
    """

    def __init__(self, options: LiveOptions, tell: OnProgress) -> None:
        self._options = options
        self._control: PhaseControl | None = None if options.by_marks else options.control
        self._tell = tell
        self.is_marked = False
        self.record = LoadRecord()

    def warm_up(self, keep_going: Callable[[], bool]) -> None:
        """Whoever says when a phase ends says when the first one begins."""

    def moments(self, watch: Watch) -> Iterator[str]:
        """See Phases.  Raises TargetError when the first mark does not come."""
        if self._control is None:
            self._await(watch, ("baseline",), "the baseline")
        yield from self._take(watch, "baseline")
        started = time.monotonic_ns()
        label = self._await(watch, ("window", "loaded"), "the load")
        if label == "window":
            self.record.before_window_ns = time.monotonic_ns() - started
            yield from self._take(watch, "window")
            started = time.monotonic_ns()
            label = self._await(watch, ("loaded",), "the load")
        self.record.after_window_ns = time.monotonic_ns() - started
        self._count()
        if label is not None:
            yield from self._take(watch, "loaded")
            self._await(watch, ("final",), "what comes after the load")
        yield from self._take(watch, "final")

    def _take(self, watch: Watch, label: str) -> Iterator[str]:
        """One moment; the program that waits in it goes on afterwards."""
        yield label
        if self.is_marked:
            self.is_marked = False
            watch.release()

    def _await(self, watch: Watch, choices: tuple[str, ...], what: str) -> str | None:
        """The label that is said next; None when it must be done without."""
        self._tell(Progress("await", message=f"waiting for the end of {what}"))
        deadline = self._deadline()
        while watch.look_after() and not self._options.stop_requested():
            label = watch.poll_mark()
            if label in choices:
                self.is_marked = True
                return label
            if label is not None:
                watch.release()
                self.record.notes.append(f"the mark {label!r} was not expected then, and ignored")
            if self._control is not None and (key := self._control.poll(choices)) is not None:
                return key
            if deadline is not None and time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        if choices == ("baseline",):
            raise TargetError(
                "the program did not mark the baseline"
                + (f" within {self._options.timeout_s:g} s" if deadline is not None else ""),
                hint='it should call leakhunt.mark("baseline"), later "loaded" and "final"',
            )
        if choices != ("final",):
            self.record.errors.append("nobody said that the load was over")
        return None

    def _deadline(self) -> float | None:
        """A person may take any time."""
        timeout_s = self._options.timeout_s
        if self._control is not None or timeout_s is None:
            return None
        return time.monotonic() + timeout_s

    def _count(self) -> None:
        """By agreement the window comes after a third of the load: nobody can see how much of it
        was done, and time tells nothing of it."""
        record, given = self.record, self._options.cycles
        has_window = record.before_window_ns > 0
        if given is not None:
            record.cycles = given
            record.window_cycles = given // 3 or None if has_window else None
        elif has_window:
            record.cycle, record.cycles, record.window_cycles = "third", 3, 1
