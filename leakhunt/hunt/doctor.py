"""How is a running process: sample it for a while, look at its heap once, let it go."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from leakhunt.analysis.vitals import Patient, Sample, flags_of
from leakhunt.errors import UsageError
from leakhunt.hunt.live_options import check_pid
from leakhunt.hunt.member import Journal, Member, Wishes
from leakhunt.report.doctor_model import DoctorReport
from leakhunt.target.answers import LiveMeasure
from leakhunt.target.family import Children, find_family
from leakhunt.target.progress import OnProgress, Progress, ignore_progress
from leakhunt.target.reach import no_such_process, reach_process
from leakhunt.target.work_folder import WorkFolder

SAMPLES = 60
"""Moments looked at, at most; at least one every 10 s."""
_LONGEST_S = 3600.0


def examine_process(
    pid: int,
    duration_s: float = 30.0,
    on_progress: OnProgress | None = None,
    *,
    method: str = "auto",
    force: bool = False,
) -> DoctorReport:
    """The red flags of a live process.

    Attaches, measures SAMPLES times (some microseconds of the interpreter lock each), takes one
    snapshot that is thrown away, and detaches.  Raises UsageError for a bad duration, TargetError
    when the process is out of reach or ends.
    """
    tell = on_progress or ignore_progress
    check_pid(pid)
    if not 1 <= duration_s <= _LONGEST_S:
        raise UsageError(
            f"{duration_s:g} s is no time to sample", hint=f"1 to {_LONGEST_S:g} s, 30 by default"
        )
    family = find_family(pid, Children.NONE)
    if not family:
        raise no_such_process(pid)
    with WorkFolder() as folder:
        output = folder.path / "now.lkheap"
        member = Member(family[0], output.parent, Journal(), Wishes(capture="auto", redact=True))
        tell(Progress("attach"))
        try:
            member.attach(
                lambda one: reach_process(one.pid, one.start_ticks, method=method, force=force)
            )
            assert member.reached is not None
            samples = _sample(member.reached.agent.measure, duration_s, tell)
            tell(Progress("capture", message="taking the snapshot"))
            pause_ns = member.capture("now", output).pause_ns
        finally:
            member.detach()
        flags = flags_of(_patient(samples, pid, output), pid)
    return DoctorReport(pid, samples[-1].at_s, len(samples), pause_ns, flags, tuple(member.notes))


def _sample(
    measure: Callable[[], LiveMeasure], duration_s: float, tell: OnProgress
) -> tuple[Sample, ...]:
    """Evenly over the duration; the first at once."""
    step_s = min(duration_s / SAMPLES, 10.0) if duration_s > SAMPLES / 4 else duration_s / 10
    started, samples = time.monotonic(), list[Sample]()
    while not samples or samples[-1].at_s < duration_s:
        at_s = time.monotonic() - started
        one = measure()
        samples.append(
            Sample(at_s, one.rss_bytes, one.blocks, one.threads, one.descriptors, one.gc_enabled)
        )
        tell(Progress("sample", int(min(at_s, duration_s)), int(duration_s)))
        time.sleep(max(0.0, min(step_s, duration_s - at_s)))
    return tuple(samples)


def _patient(samples: tuple[Sample, ...], pid: int, file: Path) -> Patient:
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
    )


def _descriptor_limit(pid: int) -> int | None:
    """The soft limit of open files; None when there is none or it is not known."""
    try:
        text = Path(f"/proc/{pid}/limits").read_text("ascii", "replace")
    except OSError:
        return None
    words = next((line.split() for line in text.splitlines() if line.startswith("Max open")), [])
    return int(words[3]) if len(words) > 3 and words[3].isdecimal() else None
