"""From snapshots to findings: the one call above the analyses."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.bill import Bill
from leakhunt.analysis.bills import Bills, bills_of
from leakhunt.analysis.comparison import Comparison
from leakhunt.analysis.diff import growth
from leakhunt.analysis.holder import Holder
from leakhunt.analysis.holders import HolderFinder
from leakhunt.analysis.loose import find_loose
from leakhunt.analysis.native_facts import hold_rows, native_cache_bytes
from leakhunt.analysis.results import GrowthRow, HoldRow, IdentityInfo
from leakhunt.analysis.samples import site_notes
from leakhunt.analysis.sites import Site
from leakhunt.analysis.trend.ladder import Ladder
from leakhunt.analysis.trend.results import Trend
from leakhunt.detectors.advice import BUFFER, CHAIN
from leakhunt.detectors.alongside import Alongside
from leakhunt.detectors.base import (
    Finding,
    HolderInfo,
    LeakedType,
    PathStep,
    Verdict,
)
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.dead import dead_evidence
from leakhunt.detectors.evidence import memory_evidence
from leakhunt.detectors.fragmentation import fragmentation_finding
from leakhunt.detectors.judge_loose import explained_growth, loose_finding, stack_notes, table_notes
from leakhunt.detectors.known import THREAD_TYPES
from leakhunt.detectors.made_at import loose_made_at, made_at
from leakhunt.detectors.native_bytes import native_findings
from leakhunt.detectors.registry import diagnose
from leakhunt.detectors.rules import NO_RULES, Rules
from leakhunt.detectors.suspect import Scene, Suspect
from leakhunt.detectors.verdict import (
    Climb,
    Judgement,
    Load,
    judge,
    judge_uncollected,
    though_bounded,
    though_going,
)
from leakhunt.detectors.wording import (
    buffer_title,
    fingerprint,
    growth_words,
    holder_words,
    is_leaf_type,
    noun,
    with_site,
)
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import SnapshotColumns

Ints = npt.NDArray[np.int64]

_RANK = {Verdict.LEAK: 0, Verdict.SUSPECT: 1, Verdict.NOT: 2}
_SHOWN_NODES = 20
_UNCOLLECTED = "gc.garbage"


@dataclass(frozen=True, slots=True)
class CaseSnapshots:
    """The snapshots of one hunt and what was done between them."""

    baseline: SnapshotColumns
    final: SnapshotColumns
    loaded: SnapshotColumns | None = None
    window: SnapshotColumns | None = None
    """Taken after the first ``window_cycles`` of the ``cycles``."""
    cycles: int | None = None
    window_cycles: int | None = None
    ladder: Iterable[tuple[str, int, SnapshotColumns]] = ()
    """Label, cycles since the baseline and columns of the settled snapshots after the final
    one; looked at one by one."""
    least: int | None = None
    """Fewest objects or entries that make a finding; None for what the cycles say."""


@dataclass(frozen=True, slots=True, eq=False)
class Investigation:
    """What was found."""

    identity: IdentityInfo
    growth: tuple[GrowthRow, ...]
    findings: tuple[Finding, ...]
    """Worst first."""
    notes: tuple[str, ...]
    population_by_fingerprint: dict[str, Ints] = field(default_factory=dict)
    """Directly held leaked nodes (ids in final) of the findings that have a holder."""
    trend: Trend | None = None
    """Growth over the settled snapshots; None when there are fewer than three."""
    native_holds: tuple[HoldRow, ...] = ()
    """What C code holds besides, by type, those that grew first."""
    bills: dict[str, Bill] = field(default_factory=dict)
    """The memory bill of each snapshot that has the figures for one."""


def investigate(case: CaseSnapshots, rules: Rules = NO_RULES) -> Investigation:
    """Diff the snapshots and judge what grew.  Raises UsageError for impossible cycle counts.

    ``rules``: what a user adds to the detectors.

    Time and memory are linear in nodes and edges, plus a sort of the leaked nodes.
    """
    comparison = Comparison(
        case.baseline,
        case.final,
        case.loaded,
        case.window,
        cycles=case.cycles,
        window_cycles=case.window_cycles,
        least=case.least,
    )
    comparison.prepare()
    # Sums over whole snapshots, in kernels most of the time: meanwhile holders are looked for.
    with ThreadPoolExecutor(1) as aside:
        rows = aside.submit(growth, comparison)
        holds = aside.submit(hold_rows, comparison.baseline, comparison.final)
        bills = aside.submit(bills_of, comparison)
        found = _judged(comparison, case, rules, bills.result)
        return replace(found, growth=rows.result(), native_holds=holds.result())


def _judged(
    comparison: Comparison, case: CaseSnapshots, rules: Rules, bills_of_all: Callable[[], Bills]
) -> Investigation:
    """The findings, without the tables of growth and of native holds."""
    finder = HolderFinder(comparison)
    load = Load(
        comparison.cycles,
        comparison.window_cycles,
        comparison.is_same_process,
        comparison.is_exact,
    )
    holders = finder.find()
    scene = Scene(finder.graph)
    ladder = _ladder(comparison, case)
    findings = [
        _finding(finder, scene, holder, load, rules, climb=_climb(ladder, holder))
        for holder in holders
    ]
    populations = {
        finding.fingerprint: holder.direct
        for finding, holder in zip(findings, holders, strict=True)
    }
    unheld = find_loose(comparison, finder.population, finder.namer)
    alongside = Alongside.of(finder.graph, scene.classes, holders, unheld)
    for loose in unheld:
        found = loose_finding(loose, load, alongside, loose_made_at(loose, comparison))
        findings += [] if found is None else [found]
    bills = bills_of_all()
    filling = {
        share.type
        for finding, holder in zip(findings, holders, strict=False)
        if finding.verdict is Verdict.NOT
        for share in holder.shares
        if share.type in (alongside.native if holder.bound is not None else THREAD_TYPES)
    }
    findings += _outside(bills, load, findings, filling, native_cache_bytes(finder.graph))
    notes = (
        *_notes(comparison),
        *stack_notes(unheld, load, alongside),
        *explained_growth(unheld, load),
        *table_notes(unheld, load),
        *_problems(rules),
    )
    trend = None if ladder is None else ladder.trend()
    return Investigation(
        identity=comparison.identity(),
        growth=(),
        findings=_ranked(findings),
        notes=notes,
        population_by_fingerprint=populations,
        trend=trend,
        bills=dict(bills),
    )


def _outside(
    bills: Bills, load: Load, findings: list[Finding], filling: Collection[str], bounded_bytes: int
) -> list[Finding]:
    """Findings about memory outside Python objects.  ``filling``: types of extensions with which
    bounded containers fill, and threads of pools; ``bounded_bytes`` are kept by design."""
    # References that C code lost to an old object own nothing.
    leaks = (f for f in findings if f.verdict is Verdict.LEAK and f.bytes_per_cycle != 0)
    leaking = {finding.leaked[0].type for finding in leaks if finding.leaked}
    free = fragmentation_finding(bills, load)
    native = native_findings(bills, load, leaking, filling, bounded_bytes)
    return [*native, *([] if free is None else [free])]


def _problems(rules: Rules) -> list[str]:
    return [f"The rules of {name} were left out: {why}" for name, why in rules.problems.items()]


_FINAL = 1
"""Number of the final snapshot in the ladder; the baseline is 0."""


def _ladder(comparison: Comparison, case: CaseSnapshots) -> Ladder | None:
    """Baseline, final and what came after it; None without that or without cycles."""
    ladder = Ladder()
    for label, cycles, columns in case.ladder if comparison.cycles is not None else ():
        if not len(ladder):
            ladder.add(comparison.baseline, "baseline", 0)
            loaded = comparison.stage("loaded")
            if loaded is not None:
                ladder.add_loaded(loaded.graph)
            ladder.add(comparison.final, "final", comparison.cycles or 0, keeps_nodes=True)
        ladder.add(HeapGraph(columns), label, cycles)
    return ladder if len(ladder) else None


def _climb(ladder: Ladder | None, holder: Holder) -> Climb | None:
    """The holder's measure at every point of the ladder."""
    if ladder is None:
        return None
    values = ladder.values(holder.series.unit, _FINAL, holder.node)
    cycles = tuple(int(point.x) for point in ladder.points)
    return None if values is None else Climb(cycles, values)


def _ranked(findings: list[Finding]) -> tuple[Finding, ...]:
    """Worst verdict first, then by what a fix frees, then by how sure we are; of those that are
    alike in all that, the one that keeps most, and the nearest to a name of the program."""

    def weight(finding: Finding) -> tuple[int, bool, int, float, int, int, str]:
        freed = finding.shared_bytes
        size = sum(leaked.shallow_bytes for leaked in finding.leaked)
        if freed is None:
            freed = max(size, finding.exclusive_bytes or 0)
        is_noise = finding.noise is not None
        return (
            _RANK[finding.verdict],
            is_noise,
            -freed,
            -finding.confidence,
            -size,
            len(finding.retaining_path),
            finding.fingerprint,
        )

    ordered = sorted(findings, key=weight)
    return tuple(replace(finding, rank=i) for i, finding in enumerate(ordered, 1))


def _notes(comparison: Comparison) -> tuple[str, ...]:
    notes = []
    if comparison.cycles is not None and comparison.window_cycles is None:
        notes.append("No snapshot inside the load: steady growth cannot be told from a warm-up.")
    for name, stage in comparison.stages.items():
        if stage.graph.columns.footer.get("births_sound") is False:
            notes.append(
                f"Births before the {name} snapshot were missed: the hook was removed by the "
                "program, or memory for the map ran out."
            )
        if stage.graph.columns.footer.get("collecting"):
            notes.append(
                f"The collector was running during the {name} snapshot: "
                "objects it held apart are not in it."
            )
    notes += _lost_notes(comparison)
    notes += site_notes(comparison.final.columns, "final")
    return tuple(notes)


def _lost_notes(comparison: Comparison) -> list[str]:
    """When the account of what is live has a gap, objects lost by C code cannot be told."""
    known = [stage.graph.columns.footer.get("lost_known") for stage in comparison.stages.values()]
    if True not in known or False not in known:
        return []
    return ["Objects lost by C code were not looked for: the hook was removed by the program."]


def _finding(
    finder: HolderFinder,
    scene: Scene,
    holder: Holder,
    load: Load,
    rules: Rules,
    *,
    climb: Climb | None,
) -> Finding:
    suspect = Suspect(scene, holder)
    claim = diagnose(suspect, rules)
    judgement = _judge(holder, load, claim, climb)
    category = claim.category
    path = str(holder.path)
    sites = made_at(suspect, lambda: finder.leaked_below(holder))
    count = _count(holder)
    return Finding(
        rank=0,
        fingerprint=fingerprint(category, _stable(path), holder.main_type),
        category=category,
        verdict=judgement.verdict,
        reason=judgement.reason,
        confidence=judgement.confidence,
        title=_title_with_site(holder, claim, load, judgement.verdict, sites),
        holder=_info(holder),
        leaked=tuple(LeakedType(s.type, s.count, s.bytes) for s in holder.shares),
        count_per_cycle=None if load.cycles is None else count / load.cycles,
        bytes_per_cycle=None if load.cycles is None else holder.bytes / load.cycles,
        retained_bytes=holder.retained_bytes,
        exclusive_bytes=holder.exclusive_bytes,
        shared_bytes=holder.shared_bytes,
        retaining_path=_retaining_path(holder),
        co_holders=tuple(
            HolderInfo(str(c.path), c.type, c.sizes.baseline, c.sizes.loaded, c.sizes.final)
            for c in holder.coholders
        ),
        sites=sites,
        evidence=(
            *_evidence(finder, holder, judgement),
            *claim.evidence,
            *dead_evidence(suspect),
        ),
        advice=_advice(holder, claim),
        noise=None if judgement.verdict is Verdict.LEAK else holder.noise,
        node_ids=tuple(int(node) for node in holder.direct[:_SHOWN_NODES]),
        grown=holder.series if judgement.is_of_rates else None,
    )


def _judge(holder: Holder, load: Load, claim: Claim, climb: Climb | None) -> Judgement:
    if str(holder.path) == _UNCOLLECTED and holder.series.growth > 0:
        return judge_uncollected(holder.series, load)
    judgement = judge(
        holder.series,
        load,
        climb=climb,
        bound=holder.bound,
        is_bound_explicit=holder.is_bound_explicit,
        noise=holder.noise,
        noise_extent=holder.noise_extent,
        follows=holder.follows,
        survivors=holder.survivors,
        slots=holder.slots,
        inside_bound=holder.inside_bound,
        is_replaced=holder.is_replaced,
    )
    if claim.wrong_though_bounded is not None and holder.is_bound_explicit:
        return though_bounded(judgement, claim.wrong_though_bounded)
    if claim.goes_by_itself is not None:
        return though_going(judgement, claim.goes_by_itself)
    return judgement


def _retaining_path(holder: Holder) -> tuple[PathStep, ...]:
    path = holder.path if holder.chain_step is None else holder.path.then(holder.chain_step)
    return tuple(PathStep(text, kind, type_name) for text, kind, type_name in path.described())


def _advice(holder: Holder, claim: Claim) -> str:
    """What to do: a linked structure or a buffer is cut in its own way, whatever it is for."""
    if holder.chain_step is not None:
        return CHAIN.format(path=holder.path, type=holder.main_type)
    return BUFFER.format(path=holder.path) if _is_buffer(holder) else claim.advice


def _title(holder: Holder, claim: Claim, load: Load, verdict: Verdict) -> str:
    path, count = str(holder.path), _count(holder)
    if holder.series.unit == "bytes":
        return buffer_title(path, holder.type, holder.series.growth, load.cycles)
    words = growth_words(holder.main_type, count, holder.bytes, load.cycles)
    if holder.series.unit == "entries" and not len(holder.direct):
        word = "entry" if count == load.cycles else "entries"
        words = growth_words(word, count, holder.bytes, load.cycles)
    what = noun(claim.category, verdict, claim.noun)
    return f"{what}: {words}, {holder_words(path, holder.type, holder.sizes)}."


def _title_with_site(
    holder: Holder, claim: Claim, load: Load, verdict: Verdict, sites: Sequence[Site]
) -> str:
    """The title; of what may be a leak also where it was made."""
    title = _title(holder, claim, load, verdict)
    is_alarm = verdict is Verdict.LEAK or (verdict is Verdict.SUSPECT and holder.noise is None)
    return with_site(title, sites) if is_alarm else title


def _is_buffer(holder: Holder) -> bool:
    """One object that grows by itself: text, bytes, an array."""
    return holder.series.unit == "bytes" or (
        not len(holder.direct) and holder.sizes.final is not None and is_leaf_type(holder.type)
    )


def _count(holder: Holder) -> int:
    """Directly held things gained: entries when it has any, else objects; none by a buffer
    that only got larger."""
    if holder.series.unit == "entries":
        return holder.series.growth
    return 0 if holder.series.unit == "bytes" else holder.main_count


def _info(holder: Holder) -> HolderInfo:
    sizes = holder.sizes
    return HolderInfo(str(holder.path), holder.type, sizes.baseline, sizes.loaded, sizes.final)


def _stable(path: str) -> str:
    """The path without what differs from run to run: indexes, thread numbers, lines."""
    path = re.sub(r"\[\d+\]", "[*]", path)
    path = re.sub(r"0x[0-9a-fA-F]+", "0x*", path)
    return re.sub(r"(?<=[-:])\d+|(?<=^thread )\d+", "*", path) if _is_thread(path) else path


def _is_thread(path: str) -> bool:
    return path.startswith("thread ")


def _evidence(finder: HolderFinder, holder: Holder, judgement: Judgement) -> tuple[str, ...]:
    series = holder.series
    points = [
        f"{name} {value:,}"
        for name in ("baseline", "window", "loaded", "final")
        if (value := getattr(series, name)) is not None
    ]
    lines = [f"{series.unit}: {', '.join(points)}", *memory_evidence(holder)]
    lines += [
        f"{share.count:,} `{share.type}`, {share.bytes:,} bytes" for share in holder.shares[:5]
    ]
    held = int((finder.graph.surplus[holder.direct] > 0).sum()) if len(holder.direct) else 0
    if held * 2 > len(holder.direct) > 0:
        lines.append(f"{held:,} of them are also held by references counted on no edge (C code)")
    if EdgeKind.WEAK in holder.edge_kinds:
        lines.append("held weakly")
    if holder.bound is not None and judgement.verdict is not Verdict.NOT:
        lines.append(f"a bound of {holder.bound:,} is in sight, far from the present size")
    return tuple(lines)
