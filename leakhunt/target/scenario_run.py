"""Run a scenario in a child of another interpreter and gather its snapshots."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGHUP, SIGTERM
from types import FrameType, TracebackType
from typing import Any, Self

import leakhunt
from leakhunt.agent import scenario as agent
from leakhunt.errors import LeakhuntError, TargetError, UsageError
from leakhunt.target.events import EventTail, Failure, Measure, RunLog, read_position
from leakhunt.target.interpreter import Interpreter
from leakhunt.target.process import TargetProcess
from leakhunt.target.progress import OnProgress, Progress, ignore_progress
from leakhunt.target.story import (
    describe_exception,
    describe_exit,
    describe_failure,
    describe_place,
    exit_hint,
    output_tail,
    where,
)
from leakhunt.target.work_folder import WorkFolder

_HARMLESS = frozenset({"teardown", "exit", "birth", "sites", "capture window"})
"""Phases whose failure leaves the result whole."""
POLL_S = 0.01
PROGRESS_S = 0.1
INTERRUPT_GRACE_S = 3.0
"""From SIGINT until the target must have said that it stops."""
FINISH_GRACE_S = 60.0
"""From there until its last snapshots must be written."""
TERMINATE_GRACE_S = 2.0
EXIT_GRACE_S = 2.0
MAX_WAIT_MS = 1000
"""How long a capture waits for a collection that is under way in another thread."""


@dataclass(frozen=True, slots=True)
class ScenarioSpec:
    """What to run and how."""

    scenario: Path
    cycles: int
    warmup: int
    timeout_s: float | None
    settle_max_s: float
    collect: bool
    max_pause_ms: float | None
    birth: bool
    show_output: bool
    ladder: int = 0
    """Settled points after the baseline, the final snapshot included; 0 or 1 for no more."""
    content: bool = False
    """Write keyed hashes of values."""
    capture: str = "in-process"
    """in-process, fork or auto."""
    sites: int | None = None
    """Mean distance in bytes of the allocations that are sampled; None samples nothing."""

    @property
    def all_cycles(self) -> int:
        """Cycles of the load and of the ladder."""
        return self.cycles * max(1, self.ladder)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every snapshot there may be, in order."""
        return agent.LABELS + agent.ladder_labels(self.ladder)

    @property
    def window(self) -> int | None:
        """Cycles before the light look: a third; None when there are too few."""
        return self.cycles // 3 if self.cycles >= 3 else None


@dataclass(frozen=True, slots=True)
class ScenarioOutcome:
    """What a run left: its snapshots (by label, whole ones only) and what went wrong."""

    pid: int
    path_by_label: dict[str, Path]
    measure_by_label: dict[str, Measure]
    cycles_done: int
    """Cycles completed between the baseline and loaded snapshots."""
    collect_ns: tuple[int, ...]
    load_ns: int
    errors: tuple[str, ...]
    """Why the result is partial."""
    notes: tuple[str, ...]
    error: LeakhuntError | None = field(default=None)
    """What to raise when the result is worth nothing (no baseline)."""


class ScenarioRun:
    """One run; a context manager that ends the target and removes the run's folder.

    ``run_dir`` is private (0700).  Raises TargetError when the target cannot be started,
    UsageError when there is no place for its files.
    """

    def __init__(
        self,
        spec: ScenarioSpec,
        interpreter: Interpreter,
        native: Path,
        parent_dir: Path | None = None,
    ) -> None:
        self._spec = spec
        self._folder = WorkFolder(parent_dir)
        self.run_dir = self._folder.path
        try:
            self._write_inputs(interpreter, native)
            output = None if spec.show_output else self.run_dir / "output.log"
            self._started = time.monotonic()
            command = [str(interpreter.path), str(agent.__file__), str(self.run_dir)]
            self._process = TargetProcess(command, output)
        except BaseException:
            self._folder.remove()
            raise
        self._log = RunLog()
        self._tail = EventTail(self.run_dir / agent.EVENTS)
        self._stop = _Stop(self._process)
        self._ended_early = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._folder.remove()

    def wait(self, on_progress: OnProgress = ignore_progress) -> ScenarioOutcome:
        """Follow the target to its end.

        Ctrl-C ends the load early when there is a baseline to compare with (the result is
        then partial); a second one, or one before that, ends everything.
        """
        with _termination_as_exit():
            return self._follow(_Reporter(self._spec, self.run_dir / agent.POSITION, on_progress))

    def _follow(self, reporter: _Reporter) -> ScenarioOutcome:
        """Read what the target says until it ended or must be ended."""
        done_at: float | None = None
        while True:
            try:
                status = self._process.poll()
                for event in self._tail.read():
                    self._log.add(event)
                now = time.monotonic()
                if status is not None:
                    break
                if self._log.is_done:
                    done_at = done_at or now
                    if now - done_at > EXIT_GRACE_S:
                        break
                elif self._follow_up(now):
                    break
                reporter.look(now)
                self._process.trim_output()
                time.sleep(POLL_S)
            except KeyboardInterrupt:
                if self._stop.is_begun or not self._snapshot("baseline").exists():
                    raise
                self._ended_early = "interrupted"
                self._stop.begin(time.monotonic(), self._log.pid)
        status = self._process.kill()
        for event in self._tail.read():
            self._log.add(event)
        return self._outcome(status)

    def _write_inputs(self, interpreter: Interpreter, native: Path) -> None:
        """The child's configuration and its position page."""
        spec = self._spec
        max_pause_ns = None if spec.max_pause_ms is None else int(spec.max_pause_ms * 1e6)
        config: dict[str, Any] = {
            "scenario": str(spec.scenario),
            "cycles": spec.cycles,
            "warmup": spec.warmup,
            "window": spec.window,
            "ladder": spec.ladder,
            "content": spec.content,
            "settle_max_s": spec.settle_max_s,
            "collect": spec.collect,
            "max_pause_ns": max_pause_ns,
            "max_wait_ms": MAX_WAIT_MS,
            "native": str(native),
            "birth": spec.birth,
            "sites": spec.sites,
            "capture": spec.capture,
            "header": {**_header(interpreter), "mode": spec.capture},
        }
        try:
            text = json.dumps(config)
            (self.run_dir / agent.CONFIG).write_text(text, encoding="utf-8")
            # Real bytes and not a hole: a full disk must not become a SIGBUS in the target.
            (self.run_dir / agent.POSITION).write_bytes(bytes(agent.PAGE_BYTES))
        except OSError as exc:
            raise UsageError(
                f"{self.run_dir} cannot be written: {exc.strerror or exc}",
                hint="free some space there, give --save another directory, or set TMPDIR",
            ) from exc

    def _follow_up(self, now: float) -> bool:
        """Enforce the time limit; True when the target was stopped by force."""
        timeout_s = self._spec.timeout_s
        if not self._stop.is_begun and timeout_s is not None and now - self._started > timeout_s:
            self._ended_early = f"not finished after {timeout_s:g} s (--timeout)"
            self._stop.begin(now, self._log.pid)
        return self._stop.go_on(now, has_answered=any(f.is_interrupt for f in self._log.failures))

    def _snapshot(self, label: str) -> Path:
        return self.run_dir / (label + agent.SUFFIX)

    def _outcome(self, status: int) -> ScenarioOutcome:
        """Everything known at the end."""
        log = self._log
        paths = {label: self._snapshot(label) for label in self._spec.labels}
        paths = {label: path for label, path in paths.items() if path.exists()}
        errors, notes = self._stories(status)
        outcome_error = None
        if "baseline" not in paths:
            outcome_error = self._no_baseline(status, errors)
        return ScenarioOutcome(
            pid=log.pid or self._process.pid,
            path_by_label=paths,
            measure_by_label=dict(log.measure_by_label),
            cycles_done=self._cycles_done(),
            collect_ns=tuple(log.collect_ns),
            load_ns=log.load_ns,
            errors=tuple(errors),
            notes=tuple(notes),
            error=outcome_error,
        )

    def _cycles_done(self) -> int:
        """Cycles of the load that were completed."""
        warmup = self._spec.warmup
        for failure in self._log.failures:
            if failure.phase == "load":
                return min(max(0, failure.cycle - warmup), self._spec.cycles)
        position = read_position(self.run_dir / agent.POSITION)
        if position.phase == "load" and not self._snapshot("loaded").exists():
            return min(max(0, position.cycle - warmup), self._spec.cycles)
        if self._snapshot("baseline").exists() and not self._snapshot("loaded").exists():
            window = self._spec.window or 0
            return window if position.phase == "capture window" else self._spec.cycles
        return self._spec.cycles

    def _stories(self, status: int) -> tuple[list[str], list[str]]:
        """(errors, notes): what the result lacks, and what else should be known."""
        numbers = {"warmup": self._spec.warmup, "cycles": self._spec.all_cycles}
        errors: list[str] = []
        notes = list(self._log.notes)
        for failure in self._log.failures:
            story = describe_failure(failure, **numbers)
            if failure.is_interrupt and self._ended_early:
                place = where(failure.phase, failure.cycle, **numbers) + describe_place(failure)
                story = f"{self._ended_early}: the target was stopped {place}"
            is_result_whole = failure.phase in _HARMLESS
            (notes if is_result_whole else errors).append(story)
        if not self._log.is_done:
            errors.append(self._end_story(status))
        position = read_position(self.run_dir / agent.POSITION)
        if position.errno:
            errors.append(
                f"the target could not write its reports in {self.run_dir.parent}:"
                f" {os.strerror(position.errno)}"
            )
        return errors, notes

    def _end_story(self, status: int) -> str:
        """How a target that never said it was done ended."""
        position = read_position(self.run_dir / agent.POSITION)
        place = where(
            position.phase, position.cycle, warmup=self._spec.warmup, cycles=self._spec.all_cycles
        )
        what = f"the target {describe_exit(status)} {place}"
        if self._ended_early:
            what = f"{self._ended_early}: the target was stopped {place}"
        tail = output_tail(self.run_dir / "output.log")
        return f"{what}; its last output: {tail}" if tail else what

    def _no_baseline(self, status: int, errors: list[str]) -> LeakhuntError:
        """The error of a run that has nothing to show."""
        text = "; ".join(errors) or "the target ended without a snapshot"
        if self._ended_early:
            return TargetError(
                text, hint="give it more time (--timeout), fewer cycles or a shorter warm-up"
            )
        if not self._log.failures:
            return TargetError(text, hint=exit_hint(status))
        return _error_of(self._log.failures[0], text, self._spec)


@contextlib.contextmanager
def _termination_as_exit() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind, so that the target ends and its folder goes.

    Only where signals can be handled, and only if nobody else handles them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [n for n in (SIGTERM, SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, _exit_by_signal)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _exit_by_signal(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


class _Stop:
    """Ends a target in steps: SIGINT (it then still takes its last snapshots), SIGTERM."""

    def __init__(self, process: TargetProcess) -> None:
        self._process = process
        self._begun_at: float | None = None
        self._terminated_at: float | None = None

    @property
    def is_begun(self) -> bool:
        return self._begun_at is not None

    def begin(self, now: float, pid: int | None) -> None:
        """Ask the target to stop its load."""
        self._begun_at = now
        self._process.interrupt(pid)

    def go_on(self, now: float, *, has_answered: bool) -> bool:
        """Take the next step when its time has come; True when only force is left."""
        if self._begun_at is None:
            return False
        if self._terminated_at is not None:
            return now - self._terminated_at > TERMINATE_GRACE_S
        grace_s = FINISH_GRACE_S if has_answered else INTERRUPT_GRACE_S
        if now - self._begun_at > grace_s:
            self._terminated_at = now
            self._process.terminate()
        return False


class _Reporter:
    """Turns the position page into progress, about ten times a second and at each change."""

    def __init__(self, spec: ScenarioSpec, page: Path, on_progress: OnProgress) -> None:
        self._spec = spec
        self._page = page
        self._on_progress = on_progress
        self._phase = ""
        self._next = 0.0

    def look(self, now: float) -> None:
        """Report where the target is, if it is time."""
        position = read_position(self._page)
        if position.phase == self._phase and now < self._next:
            return
        self._phase, self._next = position.phase, now + PROGRESS_S
        if position.phase == "load":
            if position.cycle >= 0:  # Else between two parts of the load.
                done = max(0, position.cycle - self._spec.warmup)
                self._on_progress(Progress("load", done, self._spec.all_cycles))
        elif position.phase == "warmup":
            self._on_progress(Progress("warmup", max(0, position.cycle), self._spec.warmup))
        else:
            self._on_progress(Progress(position.phase))


def _header(interpreter: Interpreter) -> dict[str, Any]:
    """The part of a snapshot's header that is known before the run."""
    return {
        "format": "leakhunt-stream",
        "tool": leakhunt.__version__,
        "python": {
            "version": interpreter.version_text,
            "implementation": interpreter.implementation,
            "hexversion": interpreter.hexversion,
            "abi": interpreter.soabi,
            "executable": interpreter.executable,
        },
        "redaction": "names",
    }


def _error_of(failure: Failure, text: str, spec: ScenarioSpec) -> LeakhuntError:
    """The error that fits the first failure of a run without a baseline."""
    if failure.type == agent.NoCycleError.__name__:
        return UsageError(
            f"the scenario {spec.scenario} defines no function cycle(i)",
            hint="define cycle(i), plain or async: one round of the work that is suspected",
        )
    if failure.phase == "import":
        is_missing = failure.type == ModuleNotFoundError.__name__
        return UsageError(
            f"the scenario {spec.scenario} cannot be imported: {describe_exception(failure)}",
            hint="is it installed in the environment of that interpreter? --python names another"
            if is_missing
            else "does it run by itself with that interpreter (--python)?",
        )
    if failure.phase == "start":
        return TargetError(
            f"the native agent cannot work in the target: {describe_exception(failure)}",
            hint="if this interpreter was changed since, remove leakhunt's cache; if the cache"
            " lies on a file system mounted noexec, set XDG_CACHE_HOME",
        )
    if failure.phase == "capture baseline":
        return TargetError(
            f"the first snapshot could not be taken: {describe_exception(failure)}",
            hint="free some memory or disk space (TMPDIR, --save), or lift the limits (ulimit -a)",
        )
    return TargetError(
        f"the scenario failed before the first snapshot: {text}",
        hint="does it run by itself? call its setup() and cycle(0) with that interpreter",
    )
