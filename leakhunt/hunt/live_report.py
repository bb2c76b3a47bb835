"""The report of a live hunt: each process analysed, several of them joined."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leakhunt.detectors.base import Finding, Verdict
from leakhunt.detectors.verdict import Load
from leakhunt.hunt.assemble import UserRules, worst_verdict, write_report
from leakhunt.hunt.join import join_reports, judged, ranked
from leakhunt.hunt.member import Journal, Member
from leakhunt.hunt.phases import LoadRecord
from leakhunt.hunt.record import RunRecord, report_of
from leakhunt.report.model import Report
from leakhunt.target.progress import OnProgress, Progress
from leakhunt.target.save_dir import OUTPUT_NAME, REPORT_NAME, keep_family

_SAME_FOR_ALL = frozenset({"run", "second", "third"})
"""Kinds of cycles that say nothing of how much was done."""
_ENDED = "Growth ended"
"""How the reason begins for what grew in the first window only (detectors/verdict.py)."""
FEW = 30
"""Fewer objects or entries prove nothing while nobody knows how many cycles there were."""


@dataclass(frozen=True, slots=True)
class LiveOutcome:
    """What a live hunt left."""

    members: tuple[Member, ...]
    is_alone: bool
    """One process was hunted, not a family."""
    load: LoadRecord
    journal: Journal
    launched_command: tuple[str, ...]
    """As it was started; empty for a process that ran already."""
    exit_status: int | None
    """Of that command."""
    output: Path | None
    """What it printed."""
    errors: tuple[str, ...]
    notes: tuple[str, ...]
    started_ns: int
    settings: dict[str, Any]
    """What was asked for, for the report."""

    @property
    def captured(self) -> tuple[Member, ...]:
        """Those of which there is something to show."""
        return tuple(member for member in self.members if "baseline" in member.path_by_label)


def report_of_hunt(
    outcome: LiveOutcome, rules: UserRules, save_dir: Path | None, tell: OnProgress
) -> Report:
    """Analyse what every process left, and join it.  Raises SnapshotError."""
    ran_ns = time.perf_counter_ns()
    if save_dir is not None:
        _keep(outcome, save_dir)
    tell(Progress("analysis"))
    report = _analysed(outcome, rules, save_dir is not None, tell)
    finished_ns = time.perf_counter_ns()
    notes = list(outcome.notes)
    if save_dir is not None and not outcome.is_alone:
        notes.append(f"The snapshots of each process are in its folder pid-N in {save_dir}.")
    report = replace(
        report,
        errors=(*outcome.errors, *outcome.load.errors, *report.errors),
        notes=(*report.notes, *outcome.load.notes, *notes),
        load=outcome.load.summary(),
        interventions=outcome.journal.entries(),
        settings=outcome.settings,
        timings_ns={
            "run_ns": ran_ns - outcome.started_ns,
            "load_ns": outcome.load.duration_ns,
            "analysis_ns": finished_ns - ran_ns,
            "total_ns": finished_ns - outcome.started_ns,
        },
    )
    if save_dir is not None:
        write_report(report, save_dir / REPORT_NAME)
    return report


def _keep(outcome: LiveOutcome, save_dir: Path) -> None:
    """Move the snapshots, and what a started program printed, to where they are wanted."""
    paths = {member.pid: member.path_by_label for member in outcome.members}
    kept = keep_family(save_dir, paths, is_alone=outcome.is_alone)
    for member in outcome.members:
        member.path_by_label = kept[member.pid]
    if outcome.output is not None:
        with suppress(OSError):
            shutil.move(outcome.output, save_dir / OUTPUT_NAME)


def _analysed(outcome: LiveOutcome, rules: UserRules, is_saved: bool, tell: OnProgress) -> Report:
    members = outcome.captured
    reports = []
    for number, member in enumerate(members):
        if len(members) > 1:
            tell(Progress("analysis", number, len(members)))
        reports.append(_report_of(member, outcome, rules, is_saved))
    if outcome.is_alone:
        return reports[0]
    lost = [member for member in outcome.members if member not in members]
    whole = {member.pid for member in members if "final" in member.path_by_label}
    return join_reports(
        [(member.relative, report) for member, report in zip(members, reports, strict=True)],
        whole=whole,
        lost=[(member.relative, tuple(member.errors)) for member in lost],
        load=Load(
            outcome.load.cycles,
            None if outcome.load.cycle in _SAME_FOR_ALL else outcome.load.window_cycles,
        ),
    )


def _report_of(member: Member, outcome: LiveOutcome, rules: UserRules, is_saved: bool) -> Report:
    cycles, window_cycles = cycles_of_one(outcome.load, outcome.captured)
    report = report_of(
        RunRecord(
            path_by_label=member.path_by_label,
            target=_describe(member, outcome),
            is_saved=is_saved,
            cycles=cycles,
            window_cycles=window_cycles,
            errors=tuple(member.errors),
            notes=tuple(member.notes),
            collect_ns=tuple(member.collect_ns),
            measure_by_label=member.measure_by_label,
            rules=rules,
            wants_waste=member.wishes.content,
        )
    )
    return cautious(report) if outcome.load.cycle in _SAME_FOR_ALL else report


def cycles_of_one(load: LoadRecord, members: Sequence[Member]) -> tuple[int | None, int | None]:
    """(cycles, window cycles) of each process: workers are taken to share requests evenly.

    Runs, seconds and thirds are the same for all of them.
    """
    if load.cycles is None or load.cycle in _SAME_FOR_ALL:
        return load.cycles, load.window_cycles
    share = max(1, sum(not member.relative.is_root for member in members))
    cycles = max(1, round(load.cycles / share))
    window = None if load.window_cycles is None else round(load.window_cycles / share)
    return cycles, window if window is not None and 0 < window < cycles else None


def cautious(report: Report) -> Report:
    """Judge with care where nobody knows how much was done in each window.

    Few objects are no proof then, and growth that ended may only mean that less was asked for.
    """
    findings = tuple(_doubted(finding, report.cycles or 0) for finding in report.findings)
    if findings == report.findings:
        return report
    return replace(report, findings=ranked(findings), verdict=worst_verdict(findings))


def _doubted(finding: Finding, cycles: int) -> Finding:
    count = round((finding.count_per_cycle or 0.0) * cycles)
    if finding.verdict is Verdict.LEAK and 0 < count < FEW:
        doubt = "they are few, and the number of cycles is not known"
    elif finding.reason.startswith(_ENDED) and finding.noise is None and count >= FEW:
        doubt = "or less was asked for then: the number of cycles is not known"
    else:
        return finding
    reason = f"{finding.reason.rstrip('.')}; {doubt}."
    return judged(finding, Verdict.SUSPECT, reason, min(finding.confidence, 0.4))


def _describe(member: Member, outcome: LiveOutcome) -> dict[str, Any]:
    """The target, as the report has it."""
    python = member.python
    described: dict[str, Any] = {
        "command": list(outcome.launched_command or member.relative.command),
        "pid": member.pid,
        "python": {"version": python.get("version"), "executable": python.get("executable")},
        "scenario": None,
        "attach": member.way,
        "is_launched": bool(outcome.launched_command),
    }
    if outcome.launched_command:
        described["exit_status"] = outcome.exit_status
    return described
