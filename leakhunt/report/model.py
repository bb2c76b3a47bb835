"""The result of a hunt or a diff, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leakhunt.analysis.results import GrowthRow, HoldRow, IdentityInfo
from leakhunt.analysis.trend.results import Trend
from leakhunt.analysis.waste.results import Waste
from leakhunt.detectors.base import Finding
from leakhunt.report.intervention import Intervention

if TYPE_CHECKING:
    from leakhunt.analysis.bill import Bill


@dataclass(frozen=True, slots=True)
class SnapshotSummary:
    """One capture of a hunt."""

    label: str
    """baseline, window, loaded or final (or the label the user gave)."""
    path: str | None
    """File, when it was kept."""
    mode: str
    """in-process, or fork: the target stood still while a child was made, which walked."""
    objects: int
    edges: int
    bytes: int
    """Sum of shallow sizes of all objects."""
    pause_ns: int
    file_bytes: int
    rss_bytes: int
    predicted_walk_ns: int | None = None
    """Pause that was predicted for a walk in the process; None when nothing was."""
    predicted_fork_ns: int | None = None
    """Pause that was predicted for a fork."""
    fork_refused: str = ""
    """Why it was not by fork; empty when it was, or when nobody asked for one."""


@dataclass(frozen=True, slots=True)
class LoadRunSummary:
    """One run of the load command between baseline and loaded."""

    status: int
    """Exit status; negative: a signal."""
    duration_ns: int
    tool: str | None
    """The load tool, when its output was understood."""
    requests: int | None
    failed: int | None
    latency_ns: dict[str, int]
    """By name: mean, p50, p90, p99, max ...; empty when none were printed."""


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """What worked a live target between baseline and loaded."""

    command: str | None
    """The load command; None when the load came from elsewhere."""
    cycle: str
    """What one cycle is: ``request``, ``cycle``, ``run`` (of the command), ``second`` or
    ``third`` (of the load)."""
    duration_ns: int
    """From the baseline to the loaded snapshot, captures in between left out."""
    runs: tuple[LoadRunSummary, ...]


@dataclass(frozen=True, slots=True)
class WorkerSummary:
    """One process of a family that was hunted."""

    pid: int
    command: str
    is_root: bool
    """Whether it is the process that was asked for; the others are below it."""
    verdict: str
    growth_bytes: int | None
    """Of all shallow sizes, final - baseline; None without a final snapshot."""
    growth_objects: int | None
    rss_baseline_bytes: int | None
    rss_final_bytes: int | None
    findings: int
    """LEAK and SUSPECT, known noise left out."""
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a hunt or a diff found."""

    verdict: str
    """LEAK, SUSPECT or NOT: the worst finding's."""
    target: dict[str, Any]
    """command, python version, pid, scenario ..."""
    identity: IdentityInfo
    errors: tuple[str, ...]
    """Why the result is partial, when it is."""
    snapshots: tuple[SnapshotSummary, ...]
    cycles: int | None
    rate_bytes: float | None
    """Growth of all shallow sizes, final - baseline, in bytes per cycle."""
    rate_objects: float | None
    memory: dict[str, int | None]
    """rss_baseline_bytes, rss_loaded_bytes, rss_final_bytes, python_baseline_bytes, ..."""
    growth: tuple[GrowthRow, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    collect_ns: tuple[int, ...] = ()
    """Time of each forced collection before the final snapshot."""
    timings_ns: dict[str, int] = field(default_factory=dict)
    load: LoadSummary | None = None
    """Of a live hunt."""
    workers: tuple[WorkerSummary, ...] = ()
    """Every process, when several were hunted side by side."""
    interventions: tuple[Intervention, ...] = ()
    """What was done to a live target, in order of time."""
    settings: dict[str, Any] | None = None
    """What the hunt was asked to do, so that it can be done again; None for a diff."""
    trend: Trend | None = None
    """Growth over the ladder, when there was one."""
    native_holds: tuple[HoldRow, ...] = ()
    """What C code holds besides, by type, those that grew first."""
    waste: Waste | None = None
    """Of the final snapshot, when values were compared (``--content``)."""
    bills: dict[str, Bill] = field(default_factory=dict)
    """The memory bill by label of the snapshot; without those that lack the figures."""
