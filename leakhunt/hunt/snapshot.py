"""One snapshot of a live process, to be compared later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from leakhunt.errors import UsageError
from leakhunt.hunt.live_options import SnapshotOptions
from leakhunt.hunt.member import Journal, Member, Wishes
from leakhunt.hunt.options import CAPTURE_MODES
from leakhunt.hunt.output_file import real_target
from leakhunt.report.intervention import Intervention
from leakhunt.target.answers import CaptureResult
from leakhunt.target.family import Children, Relative, find_family
from leakhunt.target.process_table import check_pid
from leakhunt.target.progress import OnProgress, Progress, ignore_progress
from leakhunt.target.reach import Reached, no_such_process, reach_process


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """What came of it."""

    pid: int
    result: CaptureResult
    interventions: tuple[Intervention, ...]
    notes: tuple[str, ...]


def snapshot_process(
    options: SnapshotOptions,
    on_progress: OnProgress | None = None,
    *,
    reach: Callable[[Relative], Reached] | None = None,
    afterwards: Callable[[Member], None] | None = None,
) -> SnapshotTaken:
    """Attach to a process, write one snapshot of it, do what is wished ``afterwards``, let it go.

    An existing file is replaced when the new one is whole, a device or a pipe never.  Raises
    UsageError (bad options, no place for the file), TargetError (out of reach, gone, the capture
    failed).
    """
    tell = on_progress or ignore_progress
    output = check_snapshot_options(options)
    family = find_family(options.pid, Children.NONE)
    if not family:
        raise no_such_process(options.pid)
    journal = Journal()
    wishes = Wishes(capture=options.capture, redact=options.redact, content=options.content)
    member = Member(family[0], output.parent, journal, wishes)

    def attach(relative: Relative) -> Reached:
        return reach_process(
            relative.pid,
            relative.start_ticks,
            method=options.method,
            force=options.force,
            on_build=lambda: tell(Progress("build")),
        )

    tell(Progress("attach"))
    try:
        member.attach(reach or attach)
        tell(Progress("capture", message="taking the snapshot"))
        result = member.capture(options.label, output)
        if afterwards is not None:
            afterwards(member)
    finally:
        member.detach()
    return SnapshotTaken(options.pid, result, journal.entries(), tuple(member.notes))


def check_snapshot_options(options: SnapshotOptions) -> Path:
    """Refuse what makes no snapshot; where the file will lie.  Raises UsageError."""
    check_pid(options.pid)
    if options.capture not in CAPTURE_MODES:
        raise UsageError(
            f"{options.capture!r} is no way to capture", hint=f"one of {', '.join(CAPTURE_MODES)}"
        )
    output = real_target(options.output)
    if not output.parent.is_dir():
        raise UsageError(
            f"the folder {output.parent} does not exist",
            hint="make it first, or give another --output",
        )
    return output
