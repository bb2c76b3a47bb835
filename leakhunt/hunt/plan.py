"""What a live hunt or a snapshot would do, found out without doing any of it (``--dry-run``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from leakhunt.errors import LeakhuntError
from leakhunt.hunt.live_options import LiveOptions, SnapshotOptions, check_live_options
from leakhunt.hunt.options import LIVE_SAMPLE_BYTES
from leakhunt.hunt.snapshot import check_snapshot_options
from leakhunt.target.attach import Preflight, check
from leakhunt.target.family import Children, Relative, find_behind_wrapper, find_family
from leakhunt.target.prepared import find_socket
from leakhunt.target.process_native import find_native_agent
from leakhunt.target.reach import no_such_process

LEFT_BEHIND = (
    "our native library stays mapped in the process (about 200 KiB, shared, never called again)",
    (
        "the C library keeps the address space of a thread that ended for the next one: a stack and"
        " a malloc arena (about 80 MiB reserved, a few KiB of it in memory)"
    ),
    "if another allocator hook was set above ours meanwhile, ours stays as a pass-through",
)
"""All that a target keeps after a hunt (docs/howto/hunt-a-live-process.md)."""


@dataclass(frozen=True, slots=True)
class PlannedProcess:
    """One process that would be attached to."""

    pid: int
    command: tuple[str, ...]
    python: str
    """Version of what runs there; empty when that is not known."""
    way: str
    """How an attach at this moment would work."""
    agent: str
    """The native agent that fits, or that it would have to be built."""
    obstacles: tuple[tuple[str, str], ...]
    """(what, remedy) of everything that stands against it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done."""

    processes: tuple[PlannedProcess, ...]
    """Empty for a program that would have to be started first."""
    steps: tuple[str, ...]
    left_behind: tuple[str, ...] = LEFT_BEHIND

    @property
    def is_ready(self) -> bool:
        """Nothing stands against it."""
        return not any(process.obstacles for process in self.processes)


def plan_hunt(options: LiveOptions, look: Callable[[int], Preflight] = check) -> Plan:
    """What `hunt_live` would do.  Raises UsageError for bad options, TargetError for no process."""
    check_live_options(options)
    steps = list(_steps_of(options))
    if options.pid is None:
        started = " ".join(options.command)
        first = f"start {started!r} untouched and wait until {options.ready}"
        last = "end it with SIGTERM, after 10 s with SIGKILL"
        return Plan((), (first, *steps, last))
    root = find_behind_wrapper(options.pid)
    return Plan(_processes(root, options.children, options.force, look), tuple(steps))


def plan_snapshot(options: SnapshotOptions, look: Callable[[int], Preflight] = check) -> Plan:
    """What `snapshot_process` would do.  Raises as `plan_hunt`."""
    check_snapshot_options(options)
    steps = ("attach", f"take one snapshot ({options.capture}) into {options.output}", "detach")
    root = find_behind_wrapper(options.pid)
    return Plan(_processes(root, Children.NONE, options.force, look), steps)


def _steps_of(options: LiveOptions) -> list[str]:
    steps = []
    if options.load is not None and options.warmup:
        line = options.warmup_load or options.load
        steps.append(f"warm up: run {line!r} {_times(options.warmup)}")
    steps.append("attach")
    if options.by_marks:
        steps.append("wait until the program marks the baseline")
    rest = _rest_of(options)
    steps += rest
    if options.sites is not None:
        apart = options.sites or LIVE_SAMPLE_BYTES
        steps.append(f"sample allocations: the stack of one for every {apart:,} bytes")
    if options.birth:
        steps.append("watch births: an allocator hook and wrapped deallocators, up to 6 % CPU")
    steps.append(f"take the baseline snapshot ({options.capture})")
    if options.load is not None:
        window = "" if options.rounds == 1 else "; a snapshot after the first run (the window)"
        steps.append(f"run {options.load!r} {_times(options.rounds)}{window}")
    elif options.duration_s is not None:
        steps.append(f"wait {options.duration_s:g} s; a snapshot after a third (the window)")
    else:
        steps.append("wait for marks of the program" if options.by_marks else "wait for keys")
    steps += ["take the loaded snapshot", *rest, "take the final snapshot"]
    steps.append("put everything back and detach")
    return steps


def _rest_of(options: LiveOptions) -> list[str]:
    """What comes before the baseline and the final snapshot.  A program that marks a moment waits
    in it and is at rest."""
    parts = []
    if not options.by_marks:
        parts.append(f"wait until it is at rest (at most {options.settle_max_s:g} s)")
    if options.collect:
        most = options.max_pause_ms
        pause = "" if most is None else f" of at most {most:g} ms"
        parts.append(f"force collections{pause} until one frees nothing (finalizers run)")
    return [", ".join(parts)] if parts else []


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _processes(
    pid: int, children: Children, force: bool, look: Callable[[int], Preflight]
) -> tuple[PlannedProcess, ...]:
    family = find_family(pid, children)
    if not family:
        raise no_such_process(pid)
    return tuple(_planned(relative, look(relative.pid), force) for relative in family)


def _planned(relative: Relative, preflight: Preflight, force: bool) -> PlannedProcess:
    identity, agent = preflight.identity, ""
    version = "" if identity is None else identity.version_text
    if find_socket(relative.pid) is not None:
        way = "the agent that it prepared"
        return PlannedProcess(relative.pid, relative.command, version, way, agent, ())
    obstacles = [
        (obstacle.message, obstacle.hint)
        for obstacle in preflight.obstacles
        if not (force and obstacle.can_be_forced)
    ]
    if identity is not None:
        try:
            agent = find_native_agent(identity)
        except LeakhuntError as error:
            obstacles.append((str(error), error.hint))
    where = f" from {preflight.state}" if preflight.state else ""
    return PlannedProcess(
        pid=relative.pid,
        command=relative.command,
        python=version,
        way=f"{preflight.way}{where}",
        agent=agent,
        obstacles=tuple(obstacles),
    )
