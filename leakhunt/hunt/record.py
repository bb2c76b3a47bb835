"""What a run left of one process, whole or partial, and the report that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from leakhunt.agent.scenario import LABELS
from leakhunt.hunt.assemble import (
    UserRules,
    assemble,
    memory_of,
    open_all,
    summarise,
    user_rules,
)
from leakhunt.report.model import Report
from leakhunt.target.events import Measure


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The snapshots of one process (by label, whole ones only) and what was done between them.

    Labels beyond the four are the points of a ladder.
    """

    path_by_label: Mapping[str, Path]
    """A baseline at least."""
    target: dict[str, Any]
    is_saved: bool
    """Whether the files will still be there when the report is read."""
    cycles: int | None = None
    """Done between baseline and loaded."""
    window_cycles: int | None = None
    """Done before the window."""
    errors: tuple[str, ...] = ()
    """Why the result is partial."""
    notes: tuple[str, ...] = ()
    collect_ns: tuple[int, ...] = ()
    measure_by_label: Mapping[str, Measure] = field(default_factory=dict)
    rules: UserRules = field(default_factory=lambda: user_rules(()))
    """What a user adds to the detectors."""
    wants_waste: bool = False
    """Also say what of the final snapshot is wasted."""


def report_of(record: RunRecord) -> Report:
    """Investigate what there is.  Raises SnapshotError when a file cannot be read.

    Without a final snapshot the last there is stands in for it; of a baseline alone the report
    says only that there was nothing to compare it with.
    """
    paths = record.path_by_label
    files = {label: paths[label] for label in LABELS if label in paths}
    cycles, window_cycles = record.cycles, record.window_cycles
    notes = list(record.notes)
    if "final" not in files:
        notes.append(_use_last_as_final(files))
        if "loaded" not in record.path_by_label:
            cycles, window_cycles = window_cycles, None
    if "final" not in files:
        report = _report_of_baseline(files["baseline"], record)
    else:
        report = assemble(
            columns=open_all(files),
            files=files,
            cycles=cycles or None,
            window_cycles=window_cycles if "window" in files else None,
            target=record.target,
            saved=record.is_saved,
            rules=record.rules(),
            ladder={label: path for label, path in paths.items() if label not in LABELS},
            wants_waste=record.wants_waste,
        )
    return replace(
        report,
        errors=record.errors,
        memory={**report.memory, **_measured(record)},
        notes=(*report.notes, *notes),
        collect_ns=record.collect_ns,
    )


def _use_last_as_final(files: dict[str, Path]) -> str:
    """Without a final snapshot compare with the last there is; says so."""
    for label in ("loaded", "window"):
        if label in files:
            files["final"] = files.pop(label)
            return (
                f"there is no final snapshot: baseline is compared with {label}, so what a"
                " collection would have freed counts as growth"
            )
    return "there is only a baseline: nothing to compare it with"


def _measured(record: RunRecord) -> dict[str, int | None]:
    """What was measured beside the snapshots."""
    memory: dict[str, int | None] = {}
    for label in ("baseline", "loaded", "final"):
        measure = record.measure_by_label.get(label)
        if measure is not None:
            memory[f"threads_{label}"] = measure.threads
            memory[f"descriptors_{label}"] = measure.descriptors
            memory[f"blocks_{label}"] = measure.blocks
    return memory


def _report_of_baseline(path: Path, record: RunRecord) -> Report:
    """A run that ended before a second snapshot: errors, no findings."""
    from leakhunt.analysis.results import IdentityInfo

    columns = open_all({"baseline": path})["baseline"]
    summary = summarise("baseline", columns, path, record.is_saved)
    return Report(
        verdict="NOT",
        target=record.target,
        identity=IdentityInfo("none", False, (), "nothing was compared"),
        errors=record.errors,
        snapshots=(summary,),
        cycles=None,
        rate_bytes=None,
        rate_objects=None,
        memory=memory_of({"baseline": summary}),
        growth=(),
        findings=(),
    )
