"""The result of a hunt or a diff, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from leakhunt.analysis.results import GrowthRow, IdentityInfo
from leakhunt.detectors.base import Finding

SCHEMA = "leakhunt.report/1"


@dataclass(frozen=True, slots=True)
class SnapshotSummary:
    """One capture of a hunt."""

    label: str
    """baseline, window, loaded or final (or the label the user gave)."""
    path: str | None
    """File, when it was kept."""
    mode: str
    objects: int
    edges: int
    bytes: int
    """Sum of shallow sizes of all objects."""
    pause_ns: int
    file_bytes: int
    rss_bytes: int


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
