"""What can be asked of the hunt of a live process, and what makes no sense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from leakhunt.errors import UsageError
from leakhunt.hunt.options import CAPTURE_MODES, USUAL_SITES, check_sites
from leakhunt.target.family import Children
from leakhunt.target.process_table import check_pid
from leakhunt.target.readiness import Ready


class PhaseControl(Protocol):
    """A person who says when a phase of the load ends."""

    def poll(self, choices: tuple[str, ...]) -> str | None:
        """One of ``choices`` (labels of snapshots), or None so far.  Must not block."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """A live process (or a program to start), what loads it, and what may be done to it."""

    pid: int | None = None
    """Process to attach to; else ``command`` is started."""
    command: tuple[str, ...] = ()
    ready: Ready = field(default_factory=Ready)
    """When a started program can be hunted."""
    load: str | None = None
    """Shell line that works the target once."""
    rounds: int = 3
    """Runs of it between baseline and loaded; the window comes after the first."""
    warmup: int = 1
    """Runs of it before the baseline."""
    warmup_load: str | None = None
    """Another line for those."""
    cycles: int | None = None
    """Cycles in one run of the load; without a load command, in the whole load."""
    duration_s: float | None = None
    """Without a load command: take the load for over after so long."""
    by_marks: bool = False
    """The program says itself when a phase ends: ``leakhunt.mark(label)``, the window (if it
    likes) after a third of the load."""
    control: PhaseControl | None = None
    """Or a person does."""
    children: Children = Children.AUTO
    method: str = "auto"
    """Way to attach."""
    force: bool = False
    """Attach in spite of obstacles that can be forced (a seccomp filter)."""
    capture: str = "auto"
    """How snapshots are taken: auto, fork or in-process."""
    redact: bool = False
    content: bool = False
    """Write keyed hashes of strings and numbers, for ``leakhunt waste``."""
    timeout_s: float | None = 300.0
    """For getting ready, for each run of the load, and for each mark; None waits for ever."""
    settle_max_s: float = 10.0
    collect: bool = True
    max_pause_ms: float | None = None
    save_dir: Path | None = None
    birth: bool = True
    sites: int | None = USUAL_SITES
    """Sample allocations from the baseline on, one for every so many bytes (USUAL_SITES:
    LIVE_SAMPLE_BYTES); None samples none."""
    show_output: bool = False
    rules: tuple[Path, ...] = ()
    """Python files that add to the detectors."""
    stop_requested: Callable[[], bool] = lambda: False
    """Asked now and then during the load: True ends it early."""


@dataclass(frozen=True, slots=True)
class SnapshotOptions:
    """One snapshot of a live process."""

    pid: int
    output: Path
    label: str = ""
    method: str = "auto"
    force: bool = False
    capture: str = "auto"
    redact: bool = False
    content: bool = False


def check_live_options(options: LiveOptions) -> None:
    """Refuse what makes no hunt.  Raises UsageError."""
    check_target("a live hunt", options.pid, options.command, options.ready)
    _check_source_of_load(options)
    for name, value, least in (
        ("runs of the load command", options.rounds, 1),
        ("runs of the warm-up", options.warmup, 0),
        ("cycles", options.cycles, 1),
    ):
        if value is not None and value < least:
            raise UsageError(f"the number of {name} is {value}", hint=f"give {least} or more")
    check_sites(options.sites)
    for name, seconds in (
        ("time limit", options.timeout_s),
        ("settle time", options.settle_max_s),
        ("longest pause", options.max_pause_ms),
        ("duration", options.duration_s),
    ):
        if seconds is not None and not 0 <= seconds < 1e9:
            raise UsageError(f"the {name} is {seconds}", hint="give a number that is not negative")
    if options.capture not in CAPTURE_MODES:
        raise UsageError(
            f"{options.capture!r} is no way to capture", hint=f"one of {', '.join(CAPTURE_MODES)}"
        )


def _check_source_of_load(options: LiveOptions) -> None:
    sources = {
        "--load": options.load is not None,
        "--duration": options.duration_s is not None,
        "--marks": options.by_marks,
    }
    given = [name for name, is_given in sources.items() if is_given]
    if len(given) > 1:
        raise UsageError(
            f"{given[0]} and {given[1]} do not go together", hint="one thing ends the load"
        )
    if not given and options.control is None:
        raise UsageError(
            "nothing says how long the load lasts",
            hint="give --load CMD, --duration SECONDS or --marks; at a terminal, keys do it",
        )
    if options.load is None and options.warmup_load is not None:
        raise UsageError("--warmup-load needs --load", hint="give the load itself as well")
    check_line_of_load(options.load)


def check_target(who: str, pid: int | None, command: tuple[str, ...], ready: Ready) -> None:
    """Refuse what is no process to attach to, nor a program to start.  Raises UsageError."""
    if (pid is None) == (not command):
        raise UsageError(
            f"{who} needs a process or a program to start, and not both",
            hint="give a PID, or a command line after --",
        )
    if pid is not None:
        check_pid(pid)
        if ready != Ready():
            raise UsageError(
                "--ready is for a program that leakhunt starts",
                hint="a process that runs is looked at at once: leave it out",
            )


def check_line_of_load(load: str | None) -> None:
    """Refuse a load that does nothing.  Raises UsageError."""
    if load is not None and not load.strip():
        raise UsageError("the load command is empty", hint="give --load a line for /bin/sh")
