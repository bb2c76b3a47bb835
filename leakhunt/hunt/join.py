"""Reports of a family of processes, joined into one: the same leak is said once.

Pure: numbers are sums over the processes of which all snapshots were taken.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields, replace

from leakhunt.analysis.bill import Bill, summed
from leakhunt.analysis.results import GrowthRow, IdentityInfo
from leakhunt.analysis.sites import summed_sites
from leakhunt.detectors.base import Finding, HolderInfo, LeakedType, Verdict, WorkerShare
from leakhunt.detectors.verdict import Load, judge_together
from leakhunt.detectors.wording import human_bytes, noun
from leakhunt.hunt.assemble import worst_verdict
from leakhunt.hunt.joined_title import Gained, joined_title, total_of
from leakhunt.report.model import Report, SnapshotSummary, WorkerSummary
from leakhunt.target.family import Relative

_RANK = {Verdict.LEAK: 0, Verdict.SUSPECT: 1, Verdict.NOT: 2}
_SHOWN_PIDS = 8


def join_reports(
    reports: Sequence[tuple[Relative, Report]],
    *,
    whole: Collection[int],
    lost: Sequence[tuple[Relative, tuple[str, ...]]] = (),
    load: Load,
) -> Report:
    """One report of several processes.

    ``whole``: numbers of those with all their snapshots; only they count, unless there is none.
    ``lost``: those that left no snapshot, with what happened.  ``load``: of all together; cycles
    of a window only where they say how much was done in it.
    """
    cycles = load.cycles
    counted = [(one, report) for one, report in reports if one.pid in whole] or list(reports)
    only = [report for _, report in counted]
    findings = _joined_findings(counted, load)
    snapshots = _summed_snapshots(only)
    by_label = {summary.label: summary for summary in snapshots}
    first, last = by_label.get("baseline"), by_label.get("final")
    grown = None if first is None or last is None else last.bytes - first.bytes
    objects = None if first is None or last is None else last.objects - first.objects
    errors = [error for _, report in reports for error in report.errors]
    return Report(
        verdict=worst_verdict(findings),
        target={**reports[0][1].target, "processes": len(reports) + len(lost)},
        identity=_identity(only),
        errors=(*errors, *(error for _, said in lost for error in said)),
        snapshots=snapshots,
        cycles=cycles,
        rate_bytes=grown / cycles if cycles and grown is not None else None,
        rate_objects=objects / cycles if cycles and objects is not None else None,
        memory=_summed_memory(only),
        growth=_summed_growth(only),
        findings=findings,
        notes=_notes(counted),
        collect_ns=tuple(ns for report in only for ns in report.collect_ns),
        bills=_summed_bills(only),
        workers=(
            *(_worker(one, report) for one, report in reports),
            *(_lost_worker(one, said) for one, said in lost),
        ),
    )


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first, known noise behind, then by size; ranks from 1."""

    def weight(finding: Finding) -> tuple[int, bool, int, str]:
        size = sum(leaked.shallow_bytes for leaked in finding.leaked)
        size = max(size, finding.exclusive_bytes or 0)
        return (_RANK[finding.verdict], finding.noise is not None, -size, finding.fingerprint)

    ordered = sorted(findings, key=weight)
    return tuple(replace(finding, rank=i) for i, finding in enumerate(ordered, 1))


def judged(finding: Finding, verdict: Verdict, reason: str, confidence: float) -> Finding:
    """The finding with another verdict; its title begins as that asks for."""
    before, after = noun(finding.category, finding.verdict), noun(finding.category, verdict)
    title = finding.title
    if title.startswith(f"{before}:"):
        title = after + title.removeprefix(before)
    return replace(finding, verdict=verdict, reason=reason, confidence=confidence, title=title)


# --- findings --------------------------------------------------------------------------------


def _joined_findings(counted: Sequence[tuple[Relative, Report]], load: Load) -> tuple[Finding, ...]:
    groups: dict[str, list[tuple[int, Report, Finding]]] = {}
    for one, report in counted:
        for finding in report.findings:
            groups.setdefault(finding.fingerprint, []).append((one.pid, report, finding))
    return ranked(_joined(group, len(counted), load) for group in groups.values())


def _joined(group: Sequence[tuple[int, Report, Finding]], of: int, load: Load) -> Finding:
    """One leak as several processes show it; told as where it is largest."""
    every = [finding for _, _, finding in group]
    cycles = load.cycles
    shown_pid, _, largest = max(group, key=lambda item: _bytes_of(item[2]))
    verdict, reason, confidence = _judged(group, load)
    counts = {pid: _count_of(report, finding) for pid, report, finding in group}
    total = sum(count for count in counts.values() if count is not None)
    is_known = None not in counts.values()
    per_cycle = total / cycles if cycles and is_known else None
    share = WorkerShare(len(group), of, tuple(sorted(counts)))
    leaked = _summed_leaked(every)
    size = sum(one.shallow_bytes for one in leaked)
    joined = replace(
        judged(largest, verdict, reason, confidence),
        holder=_summed_holder([finding.holder for finding in every]),
        leaked=leaked,
        count_per_cycle=per_cycle,
        bytes_per_cycle=size / cycles if cycles else None,
        retained_bytes=_sum_known(finding.retained_bytes for finding in every),
        exclusive_bytes=_sum_known(finding.exclusive_bytes for finding in every),
        shared_bytes=_sum_known(finding.shared_bytes for finding in every),
        sites=summed_sites([finding.sites for finding in every]),
        evidence=_evidence(shown_pid, group, counts),
        grown=None,
        workers=share,
    )
    gained = Gained(total if is_known else None, _buffer_growth(every), cycles)
    return replace(joined, title=joined_title(joined, share, gained))


def _judged(group: Sequence[tuple[int, Report, Finding]], load: Load) -> tuple[Verdict, str, float]:
    """(verdict, reason, confidence): by the sum where that proves a leak, else the worst."""
    worst_pid, _, worst = min(group, key=lambda item: (_RANK[item[2].verdict], -item[2].confidence))
    parts = [finding.grown for _, _, finding in group if finding.grown is not None]
    can_be_added = len(parts) == len(group) > 1 and len({part.unit for part in parts}) == 1
    if can_be_added and load.window_cycles is not None:
        found = judge_together(parts, [finding.verdict for _, _, finding in group], load)
        if found.verdict is Verdict.LEAK:
            return found.verdict, f"Over all processes it {found.reason[3:]}", found.confidence
    return worst.verdict, _in_process(worst_pid, worst.reason), worst.confidence


_SHARE = re.compile(r"[\d,]+ `.*`, [\d,]+ bytes$")
"""A line of evidence that the joined population says again."""


def _buffer_growth(every: Sequence[Finding]) -> int | None:
    """Bytes by which buffers grew; None when one of them does not say so."""
    parts = [finding.grown for finding in every]
    known = [part.growth for part in parts if part is not None and part.unit == "bytes"]
    return sum(known) if len(known) == len(parts) else None


def _in_process(pid: int, reason: str) -> str:
    """``In process 4243 it grew ...``: the verdict of one, which counts for all."""
    if reason.startswith("It "):
        return f"In process {pid} it {reason[3:]}"
    return f"In process {pid}: {reason}"


def _evidence(
    shown_pid: int,
    group: Sequence[tuple[int, Report, Finding]],
    counts: dict[int, int | None],
) -> tuple[str, ...]:
    """What proves it where it is largest, and how much every process has of it."""
    largest = next(finding for pid, _, finding in group if pid == shown_pid)
    own = [line for line in largest.evidence if not _SHARE.match(line)]
    lines = [f"in process {shown_pid}, {line}" for line in own]
    shares = {pid: f"+{count:,}" for pid, count in counts.items() if count}
    if not shares:  # buffers, and memory outside of Python objects
        shares = {pid: f"+{human_bytes(_gained_bytes(finding))}" for pid, _, finding in group}
    if len(group) > 1:
        shown = sorted(shares.items())[:_SHOWN_PIDS]
        more = " ..." if len(shares) > _SHOWN_PIDS else ""
        lines.append(f"by process: {', '.join(f'{pid}: {share}' for pid, share in shown)}{more}")
    return tuple(lines)


def _gained_bytes(finding: Finding) -> int:
    grown = finding.grown
    return grown.growth if grown is not None and grown.unit == "bytes" else _bytes_of(finding)


def _count_of(report: Report, finding: Finding) -> int | None:
    """Directly held things gained in one process."""
    if finding.count_per_cycle is not None and report.cycles:
        return round(finding.count_per_cycle * report.cycles)
    return total_of(finding.title)


def _bytes_of(finding: Finding) -> int:
    return sum(leaked.shallow_bytes for leaked in finding.leaked)


def _summed_leaked(findings: Sequence[Finding]) -> tuple[LeakedType, ...]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for finding in findings:
        for leaked in finding.leaked:
            counts[leaked.type] += leaked.count
            sizes[leaked.type] += leaked.shallow_bytes
    found = (LeakedType(name, counts[name], sizes[name]) for name in counts)
    return tuple(sorted(found, key=lambda leaked: (-leaked.shallow_bytes, leaked.type)))


def _summed_holder(holders: Sequence[HolderInfo]) -> HolderInfo:
    return replace(
        holders[0],
        size_baseline=_sum_known(holder.size_baseline for holder in holders),
        size_loaded=_sum_known(holder.size_loaded for holder in holders),
        size_final=_sum_known(holder.size_final for holder in holders),
    )


def _sum_known(values: Iterable[int | None]) -> int | None:
    """The sum; None when nobody knows, unknown ones as zero."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


# --- everything else -------------------------------------------------------------------------


def _summed_snapshots(reports: Sequence[Report]) -> tuple[SnapshotSummary, ...]:
    """One a label: sums, but for the pause, which is the longest, as they are taken at once."""
    by_label: dict[str, list[SnapshotSummary]] = {}
    for report in reports:
        for summary in report.snapshots:
            by_label.setdefault(summary.label, []).append(summary)
    return tuple(
        SnapshotSummary(
            label=label,
            path=None,
            mode=", ".join(sorted({one.mode for one in every})),
            objects=sum(one.objects for one in every),
            edges=sum(one.edges for one in every),
            bytes=sum(one.bytes for one in every),
            pause_ns=max(one.pause_ns for one in every),
            file_bytes=sum(one.file_bytes for one in every),
            rss_bytes=sum(one.rss_bytes for one in every),
        )
        for label, every in by_label.items()
    )


def _summed_memory(reports: Sequence[Report]) -> dict[str, int | None]:
    """Sums; None where one of them does not know."""
    names = dict.fromkeys(name for report in reports for name in report.memory)
    memory: dict[str, int | None] = {}
    for name in names:
        values = [report.memory.get(name) for report in reports]
        memory[name] = None if None in values else sum(value or 0 for value in values)
    return memory


def _summed_bills(reports: Sequence[Report]) -> dict[str, Bill]:
    """By label; without those that one of them does not have."""
    labels = [label for label in reports[0].bills if all(label in one.bills for one in reports)]
    sums = {label: summed([one.bills[label] for one in reports]) for label in labels}
    return {label: bill for label, bill in sums.items() if bill is not None}


def _summed_growth(reports: Sequence[Report]) -> tuple[GrowthRow, ...]:
    numbers = [field.name for field in fields(GrowthRow) if field.name != "type"]
    rows: dict[str, list[GrowthRow]] = {}
    for report in reports:
        for row in report.growth:
            rows.setdefault(row.type, []).append(row)
    summed = (
        GrowthRow(type=name, **{n: sum(getattr(row, n) for row in every) for n in numbers})
        for name, every in rows.items()
    )
    return tuple(sorted(summed, key=lambda row: (-row.bytes_delta, row.type)))


def _identity(reports: Sequence[Report]) -> IdentityInfo:
    """The weakest of them."""
    weakest = min(reports, key=lambda report: report.identity.exact).identity
    types = {name for report in reports for name in report.identity.inferred_types}
    return replace(weakest, inferred_types=tuple(sorted(types)))


def _notes(counted: Sequence[tuple[Relative, Report]]) -> tuple[str, ...]:
    """What several say is said once; else with the number of the process."""
    said: dict[str, list[int]] = {}
    for one, report in counted:
        for note in report.notes:
            said.setdefault(note, []).append(one.pid)
    notes = [
        note if len(pids) == len(counted) else f"process {', '.join(map(str, pids))}: {note}"
        for note, pids in said.items()
    ]
    sums = (
        f"All numbers are sums over {len(counted)} processes; memory they share is counted in each."
    )
    return (sums, *notes)


def _worker(one: Relative, report: Report) -> WorkerSummary:
    by_label = {summary.label: summary for summary in report.snapshots}
    first, last = by_label.get("baseline"), by_label.get("final")
    is_whole = first is not None and last is not None
    return WorkerSummary(
        pid=one.pid,
        command=" ".join(one.command),
        is_root=one.is_root,
        verdict=report.verdict,
        growth_bytes=last.bytes - first.bytes if first and last else None,
        growth_objects=last.objects - first.objects if first and last else None,
        rss_baseline_bytes=first.rss_bytes if first else None,
        rss_final_bytes=last.rss_bytes if is_whole and last else None,
        findings=sum(
            finding.verdict is not Verdict.NOT and finding.noise is None
            for finding in report.findings
        ),
        errors=report.errors,
    )


def _lost_worker(one: Relative, errors: tuple[str, ...]) -> WorkerSummary:
    return WorkerSummary(
        one.pid, " ".join(one.command), one.is_root, "NOT", None, None, None, None, 0, errors
    )
