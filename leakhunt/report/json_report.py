"""A report as JSON (schema ``leakhunt.report/1``), and back.

The text is pure ASCII, whatever the names of the target hold: control characters and lone
surrogates are JSON escapes. Numbers and names are exact; nothing is elided.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from leakhunt.analysis.results import GrowthRow, HoldRow, IdentityInfo
from leakhunt.detectors.base import (
    Category,
    Finding,
    HolderInfo,
    LeakedType,
    PathStep,
    Verdict,
    WorkerShare,
)
from leakhunt.errors import UsageError
from leakhunt.report import bill_json, json_trend, waste_json
from leakhunt.report.intervention import Intervention
from leakhunt.report.json_fields import Fields, listed, record_of, whole, wrong
from leakhunt.report.json_sites import read_site, site_object
from leakhunt.report.model import (
    LoadRunSummary,
    LoadSummary,
    Report,
    SnapshotSummary,
    WorkerSummary,
)
from leakhunt.report.schema import SCHEMA

# --- to JSON ---------------------------------------------------------------------------------


def to_json(report: Report, *, indent: int | None = 2) -> str:
    """The report as ASCII JSON text without a final newline."""
    return json.dumps(to_dict(report), indent=indent, ensure_ascii=True, allow_nan=False)


def to_dict(report: Report) -> dict[str, Any]:
    """The report as plain dicts, lists, strings, numbers and None."""
    return {
        "schema": SCHEMA,
        "verdict": str(report.verdict),
        "target": {name: _plain(value) for name, value in report.target.items()},
        "identity": listed(report.identity),
        "errors": list(report.errors),
        "snapshots": [asdict(snapshot) for snapshot in report.snapshots],
        "cycles": report.cycles,
        "rate": {"bytes": _finite(report.rate_bytes), "objects": _finite(report.rate_objects)},
        "memory": dict(report.memory),
        "growth": [_growth_row(row) for row in report.growth],
        "findings": [finding_object(finding) for finding in report.findings],
        "notes": list(report.notes),
        "collect_ns": list(report.collect_ns),
        "timings_ns": dict(report.timings_ns),
        "load": None if report.load is None else _load(report.load),
        "workers": [listed(worker) for worker in report.workers],
        "interventions": [asdict(intervention) for intervention in report.interventions],
        "settings": None if report.settings is None else _plain(report.settings),
        "trend": None if report.trend is None else json_trend.to_dict(report.trend),
        "native_holds": [_hold(row) for row in report.native_holds],
        "waste": None if report.waste is None else waste_json.to_dict(report.waste),
        "bills": [bill_json.to_dict(bill, label) for label, bill in report.bills.items()],
    }


def _hold(row: HoldRow) -> dict[str, Any]:
    return {
        "type": row.type,
        "objects": {"baseline": row.objects_baseline, "final": row.objects_final},
        "references": {"baseline": row.references_baseline, "final": row.references_final},
        "unexplained": row.unexplained,
        "reason": row.reason,
    }


def _load(load: LoadSummary) -> dict[str, Any]:
    return {
        "command": load.command,
        "cycle": load.cycle,
        "duration_ns": load.duration_ns,
        "runs": [asdict(run) for run in load.runs],
    }


def _growth_row(row: GrowthRow) -> dict[str, Any]:
    return {
        "type": row.type,
        "count": {
            "baseline": row.count_baseline,
            "loaded": row.count_loaded,
            "final": row.count_final,
            "delta": row.count_delta,
        },
        "bytes": {
            "baseline": row.bytes_baseline,
            "loaded": row.bytes_loaded,
            "final": row.bytes_final,
            "delta": row.bytes_delta,
        },
        "born": row.born,
        "departed": row.departed,
        "transient": row.transient,
        "late": row.late,
        "resized_bytes": row.resized_bytes,
        "garbage": row.garbage,
        "unreached": row.unreached,
    }


def finding_object(finding: Finding) -> dict[str, Any]:
    """One finding as plain dicts, lists, strings, numbers and None."""
    return {
        "rank": finding.rank,
        "fingerprint": finding.fingerprint,
        "category": str(finding.category),
        "verdict": str(finding.verdict),
        "reason": finding.reason,
        "confidence": finding.confidence,
        "title": finding.title,
        "holder": _holder(finding.holder),
        "leaked": [
            {"type": leaked.type, "count": leaked.count, "shallow_bytes": leaked.shallow_bytes}
            for leaked in finding.leaked
        ],
        "per_cycle": {
            "count": _finite(finding.count_per_cycle),
            "bytes": _finite(finding.bytes_per_cycle),
        },
        "shallow_bytes": finding.shallow_bytes,
        "retained_bytes": finding.retained_bytes,
        "exclusive_bytes": finding.exclusive_bytes,
        "shared_bytes": finding.shared_bytes,
        "retaining_path": [
            {"edge": step.edge, "kind": step.kind, "type": step.type}
            for step in finding.retaining_path
        ],
        "co_holders": [_holder(holder) for holder in finding.co_holders],
        "sites": [site_object(site) for site in finding.sites],
        "evidence": list(finding.evidence),
        "advice": finding.advice,
        "known": finding.known,
        "noise": finding.noise,
        "node_ids": list(finding.node_ids),
        "workers": None if finding.workers is None else listed(finding.workers),
    }


def _holder(holder: HolderInfo) -> dict[str, Any]:
    return {
        "path": holder.path,
        "type": holder.type,
        "size": {
            "baseline": holder.size_baseline,
            "loaded": holder.size_loaded,
            "final": holder.size_final,
        },
    }


def _plain(value: object) -> object:
    """Facts about the target as JSON values: paths and the like as strings."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value)


def _finite(value: float | None) -> float | None:
    """JSON has no infinity: what is not a number is not known."""
    return value if value is not None and math.isfinite(value) else None


# --- from JSON -------------------------------------------------------------------------------


def from_json(text: str | bytes) -> Report:
    """The report that ``text`` holds; ``from_json(to_json(r)) == r``.

    Raises:
        UsageError: not JSON, another schema, or a member missing or of the wrong kind.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"not a leakhunt report: not JSON ({error})",
            hint="write one with: leakhunt hunt --json ... > report.json",
        ) from error
    return from_dict(value)


_ADDED: dict[str, Any] = {
    "load": None, "workers": [], "interventions": [], "settings": None, "trend": None,
    "native_holds": [],
    "waste": None,
    "bills": [],
}  # fmt: skip
"""Members that the first reports of version 1 did not have, and what stands for them."""

_ADDED_TO_SNAPSHOTS: dict[str, Any] = {
    "predicted_walk_ns": None, "predicted_fork_ns": None, "fork_refused": "",
}  # fmt: skip


def from_dict(value: object) -> Report:
    """The report that :func:`to_dict` made ``value`` of. Raises UsageError as from_json does."""
    fields = Fields(value)
    schema = fields.text("schema")
    if schema != SCHEMA:
        raise UsageError(
            f"the report has schema {schema!a}, this leakhunt reads {SCHEMA!r}",
            hint="open it with the leakhunt version that wrote it",
        )
    for name, default in _ADDED.items():
        fields = fields.later(name, default)
    rate = fields.object("rate")
    memory = fields.object("memory")
    timings = fields.object("timings_ns")
    return Report(
        verdict=fields.one_of("verdict", Verdict).value,
        target=fields.mapping("target"),
        identity=record_of(IdentityInfo, fields.object("identity")),
        errors=fields.texts("errors"),
        snapshots=fields.each("snapshots", _read_snapshot),
        cycles=fields.integer_or_none("cycles"),
        rate_bytes=rate.number_or_none("bytes"),
        rate_objects=rate.number_or_none("objects"),
        memory={name: memory.integer_or_none(name) for name in fields.mapping("memory")},
        growth=fields.each("growth", _read_growth_row),
        findings=fields.each("findings", read_finding),
        notes=fields.texts("notes"),
        collect_ns=fields.each("collect_ns", whole),
        timings_ns={name: timings.integer(name) for name in fields.mapping("timings_ns")},
        load=fields.read_or_none("load", _read_load),
        workers=fields.each("workers", _read_worker),
        interventions=fields.each("interventions", _read_intervention),
        settings=fields.mapping_or_none("settings"),
        trend=fields.read_or_none("trend", json_trend.from_value),
        native_holds=fields.each("native_holds", _read_hold),
        waste=fields.read_or_none("waste", waste_json.from_value),
        bills=dict(fields.each("bills", bill_json.from_value)),
    )


def _read_hold(value: object, place: str) -> HoldRow:
    fields = Fields(value, place)
    objects, references = fields.object("objects"), fields.object("references")
    return HoldRow(
        type=fields.text("type"),
        objects_baseline=objects.integer("baseline"),
        objects_final=objects.integer("final"),
        references_baseline=references.integer("baseline"),
        references_final=references.integer("final"),
        unexplained=fields.integer("unexplained"),
        reason=fields.text_or_none("reason"),
    )


def _read_load(value: object, place: str) -> LoadSummary:
    fields = Fields(value, place)
    return LoadSummary(
        command=fields.text_or_none("command"),
        cycle=fields.text("cycle"),
        duration_ns=fields.integer("duration_ns"),
        runs=fields.each("runs", _read_load_run),
    )


def _read_load_run(value: object, place: str) -> LoadRunSummary:
    fields = Fields(value, place)
    latency = fields.object("latency_ns")
    return LoadRunSummary(
        status=fields.integer("status"),
        duration_ns=fields.integer("duration_ns"),
        tool=fields.text_or_none("tool"),
        requests=fields.integer_or_none("requests"),
        failed=fields.integer_or_none("failed"),
        latency_ns={name: latency.integer(name) for name in fields.mapping("latency_ns")},
    )


def _read_worker(value: object, place: str) -> WorkerSummary:
    fields = Fields(value, place)
    return record_of(WorkerSummary, fields, verdict=fields.one_of("verdict", Verdict).value)


def _read_intervention(value: object, place: str) -> Intervention:
    return record_of(Intervention, Fields(value, place))


def _read_share(value: object, place: str) -> WorkerShare:
    fields = Fields(value, place)
    return WorkerShare(fields.integer("count"), fields.integer("of"), fields.integers("pids"))


def _read_snapshot(value: object, place: str) -> SnapshotSummary:
    fields = Fields(value, place)
    for name, default in _ADDED_TO_SNAPSHOTS.items():
        fields = fields.later(name, default)
    return record_of(SnapshotSummary, fields)


def _read_growth_row(value: object, place: str) -> GrowthRow:
    fields = Fields(value, place)
    counts, sizes = fields.object("count"), fields.object("bytes")
    row = GrowthRow(
        type=fields.text("type"),
        count_baseline=counts.integer("baseline"),
        count_loaded=counts.integer("loaded"),
        count_final=counts.integer("final"),
        bytes_baseline=sizes.integer("baseline"),
        bytes_loaded=sizes.integer("loaded"),
        bytes_final=sizes.integer("final"),
        born=fields.integer("born"),
        departed=fields.integer("departed"),
        transient=fields.integer("transient"),
        late=fields.integer("late"),
        resized_bytes=fields.integer("resized_bytes"),
        garbage=fields.integer("garbage"),
        unreached=fields.integer("unreached"),
    )
    for columns, delta in ((counts, row.count_delta), (sizes, row.bytes_delta)):
        if columns.integer("delta") != delta:
            raise wrong(
                columns.place("delta"), f"final - baseline = {delta}", columns.integer("delta")
            )
    return row


def read_finding(value: object, place: str) -> Finding:
    """The finding that :func:`finding_object` wrote.  Raises UsageError naming the place."""
    fields = Fields(value, place)
    for name in ("workers", "known", "shared_bytes", "shallow_bytes"):
        fields = fields.later(name, None)
    per_cycle = fields.object("per_cycle")
    finding = Finding(
        rank=fields.integer("rank"),
        fingerprint=fields.text("fingerprint"),
        category=fields.one_of("category", Category),
        verdict=fields.one_of("verdict", Verdict),
        reason=fields.text("reason"),
        confidence=fields.number("confidence"),
        title=fields.text("title"),
        holder=_read_holder(fields.object("holder")),
        leaked=fields.each("leaked", _read_leaked),
        count_per_cycle=per_cycle.number_or_none("count"),
        bytes_per_cycle=per_cycle.number_or_none("bytes"),
        retained_bytes=fields.integer_or_none("retained_bytes"),
        exclusive_bytes=fields.integer_or_none("exclusive_bytes"),
        shared_bytes=fields.integer_or_none("shared_bytes"),
        retaining_path=fields.each("retaining_path", _read_step),
        co_holders=fields.each("co_holders", lambda item, at: _read_holder(Fields(item, at))),
        sites=fields.each("sites", read_site),
        evidence=fields.texts("evidence"),
        advice=fields.text("advice"),
        known=fields.text_or_none("known"),
        noise=fields.text_or_none("noise"),
        node_ids=fields.integers("node_ids"),
        workers=fields.read_or_none("workers", _read_share),
    )
    shallow = fields.integer_or_none("shallow_bytes")
    if shallow not in (None, finding.shallow_bytes):
        total = f"the sum of the leaked types = {finding.shallow_bytes}"
        raise wrong(fields.place("shallow_bytes"), total, shallow)
    return finding


def _read_holder(fields: Fields) -> HolderInfo:
    size = fields.object("size")
    return HolderInfo(
        path=fields.text("path"),
        type=fields.text("type"),
        size_baseline=size.integer_or_none("baseline"),
        size_loaded=size.integer_or_none("loaded"),
        size_final=size.integer_or_none("final"),
    )


def _read_leaked(value: object, place: str) -> LeakedType:
    fields = Fields(value, place)
    return LeakedType(fields.text("type"), fields.integer("count"), fields.integer("shallow_bytes"))


def _read_step(value: object, place: str) -> PathStep:
    fields = Fields(value, place)
    return PathStep(fields.text("edge"), fields.text("kind"), fields.text("type"))
