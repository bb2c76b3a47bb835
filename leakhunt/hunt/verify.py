"""Repeat a hunt and say what became of its findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakhunt.errors import UsageError
from leakhunt.hunt.live_settings import is_live, live_options_of
from leakhunt.hunt.options import HuntOptions, options_of
from leakhunt.hunt.saved_report import read_report
from leakhunt.report.model import Report
from leakhunt.target.progress import OnProgress

if TYPE_CHECKING:
    from leakhunt.hunt.live_options import LiveOptions, PhaseControl
    from leakhunt.report.verify_model import Verification

_NO_REPORT = "write one before the fix: leakhunt hunt --json ... > before.json"


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """Which hunt to repeat, and in what it is to differ."""

    before: Path
    """The report of the hunt, or the directory that ``--save`` filled."""
    changes: Mapping[str, Any]
    """Fields of HuntOptions or LiveOptions that differ from the hunt before; None is no
    difference."""
    pid: int | None = None
    """The process to hunt now, when a live one was hunted before."""
    command: tuple[str, ...] = ()
    """Or the program to start; empty for the one that was started before."""
    control: PhaseControl | None = None
    """Who ends the phases of the load, where the hunt before left that to a person."""


def verify_hunt(options: VerifyOptions, on_progress: OnProgress | None = None) -> Verification:
    """Hunt again as before and compare the rates by fingerprint.

    Raises UsageError for a report that is none or that no hunt wrote, and whatever
    :func:`hunt_scenario` or :func:`hunt_live` raises.
    """
    before = read_report(options.before, hint=_NO_REPORT)
    wanted = again(before, options)
    if isinstance(wanted, HuntOptions):
        from leakhunt.hunt.scenario import hunt_scenario

        return compare(before, hunt_scenario(wanted, on_progress))
    from leakhunt.hunt.live import hunt_live

    return compare(before, hunt_live(wanted, on_progress))


def again(before: Report, options: VerifyOptions) -> HuntOptions | LiveOptions:
    """The options of the hunt before with the differences.  Raises UsageError."""
    if before.settings is None:
        raise UsageError(
            f"{options.before} does not say how its hunt was done",
            hint="a diff is no hunt; write the report with: leakhunt hunt --json ...",
        )
    wanted = {name: value for name, value in options.changes.items() if value is not None}
    if is_live(before.settings):
        return _live_again(live_options_of(before.settings), wanted, options)
    if options.pid is not None or options.command:
        raise UsageError(
            "the hunt before was of a scenario, not of a process",
            hint="leave the target out; --scenario names another scenario",
        )
    return replace(options_of(before.settings), **wanted)


_OF_SCENARIOS = ("scenario", "python", "ladder")


def _live_again(old: LiveOptions, wanted: Mapping[str, Any], options: VerifyOptions) -> LiveOptions:
    for name in _OF_SCENARIOS:
        if name in wanted:
            raise UsageError(
                f"--{name} is for scenarios, and the hunt before was of a live process",
                hint="give the PID of the program as it is now, or a command line after --",
            )
    if options.pid is not None or options.command:
        old = replace(old, pid=options.pid, command=options.command)
    elif old.pid is not None:
        raise UsageError(
            f"the hunt before was of process {old.pid}: which one is it now?",
            hint="give the PID of the program as it is now, or a command line after --",
        )
    return replace(old, control=options.control, **wanted)


def needs_control(path: Path) -> bool:
    """Did a person end the phases of the hunt before?  Raises UsageError."""
    settings = read_report(path, hint=_NO_REPORT).settings or {}
    ends = (settings.get("load"), settings.get("duration_s"), settings.get("by_marks"))
    return bool(settings) and is_live(settings) and not any(ends)


def compare(before: Report, after: Report) -> Verification:
    """What became of the findings of one report in another.  Pure."""
    from leakhunt.detectors.verification import compare_findings
    from leakhunt.report.verify_model import Verification

    cycles = after.cycles or 0
    changes = compare_findings(
        before.findings,
        after.findings,
        cycles_before=before.cycles,
        cycles_after=after.cycles,
        least=max(3, -(-cycles // 20)),
    )
    return Verification(before, after, changes, _differences(before, after))


def _differences(before: Report, after: Report) -> tuple[str, ...]:
    """In which ways the hunts differ that may matter."""
    notes = []
    if before.errors:
        notes.append(f"The hunt before was partial: {before.errors[0]}")
    for name, words in (("scenario", "scenario"), ("python", "interpreter")):
        old = (before.settings or {}).get(name)
        new = (after.settings or {}).get(name)
        if old != new:
            notes.append(f"The {words} is {new or 'our own'} now, {old or 'our own'} before.")
    units = [None if report.load is None else report.load.cycle for report in (before, after)]
    if units[0] != units[1]:
        notes.append(f"A cycle is one {units[1]} now, one {units[0]} before: rates do not compare.")
    versions = [(report.target.get("python") or {}).get("version") for report in (before, after)]
    if versions[0] != versions[1]:
        notes.append(f"The target runs in Python {versions[1]} now, in {versions[0]} before.")
    if before.cycles and after.cycles and before.cycles != after.cycles:
        notes.append(f"Rates are over {after.cycles} cycles now, over {before.cycles} before.")
    return tuple(notes)
