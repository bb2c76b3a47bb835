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
from leakhunt.target.family import (
    Children,
    Relative,
    find_behind_wrapper,
    find_family,
    wrapper_notes,
)
from leakhunt.target.process_table import check_pid
from leakhunt.target.progress import OnProgress, Progress, ignore_progress
from leakhunt.target.reach import Reached, no_such_process, reach_process


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """What came of it."""

    pid: int
    """Of the program: another one than was given when that is a wrapper's."""
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

    Given the number of a wrapper, it is the program below it, which a note says.  With ``reach``,
    a way of the caller's own to attach, it is the very process that is given.
    An existing file is replaced when the new one is whole, a device or a pipe never.  Raises
    UsageError (bad options, no place for the file), TargetError (out of reach, gone, the capture
    failed).
    """
    tell = on_progress or ignore_progress
    output = check_snapshot_options(options)
    program = find_behind_wrapper(options.pid) if reach is None else options.pid
    notes = wrapper_notes(options.pid, program)
    family = find_family(program, Children.NONE)
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
    return SnapshotTaken(program, result, journal.entries(), (*notes, *member.notes))


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
