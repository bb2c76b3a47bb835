"""Who keeps what in one snapshot, as data and as JSON (schema ``leakhunt.paths/1``)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from leakhunt.analysis.merged_paths import MergedPath
from leakhunt.analysis.paths import Path
from leakhunt.analysis.retainers import IndependentPath, Retainers

PATHS_SCHEMA = "leakhunt.paths/1"


@dataclass(frozen=True, slots=True)
class PathsReport:
    """The retaining paths of some objects."""

    snapshot: str
    """The file."""
    to: str
    """What was asked for."""
    avoid: tuple[str, ...]
    """What was ignored."""
    types: tuple[str, ...]
    """Types of the objects, commonest first."""
    retainers: Retainers
    reachable_before: int
    """Objects that anything keeps when nothing is ignored."""
    has_independent: bool
    """Were the independent paths looked for?"""


def paths_to_json(report: PathsReport, *, indent: int | None = 2) -> str:
    """ASCII JSON text without a final newline."""
    return json.dumps(paths_to_dict(report), indent=indent, ensure_ascii=True, allow_nan=False)


def paths_to_dict(report: PathsReport) -> dict[str, Any]:
    """Plain dicts, lists, strings, numbers and None."""
    found = report.retainers
    return {
        "schema": PATHS_SCHEMA,
        "snapshot": report.snapshot,
        "to": report.to,
        "avoid": list(report.avoid),
        "types": list(report.types),
        "objects": found.objects,
        "bytes": found.bytes,
        "reachable": found.reachable,
        "reachable_before": report.reachable_before,
        "native_holds": {
            "objects": found.native_objects,
            "references": found.native_references,
        },
        "merged": [_merged(one) for one in found.merged],
        "unnamed": found.unnamed,
        "independent": [_independent(one) for one in found.independent]
        if report.has_independent and found.why_not is None
        else None,
        "why_not": found.why_not,
    }


def _merged(one: MergedPath) -> dict[str, Any]:
    return {
        "path": str(one.path),
        "steps": _steps(one.path),
        "objects": one.objects,
        "bytes": one.bytes,
        "noise": one.noise,
    }


def _independent(one: IndependentPath) -> dict[str, Any]:
    return {
        "place": one.place,
        "path": str(one.path),
        "steps": _steps(one.path),
        "references": one.references,
        "objects": one.objects,
        "noise": one.noise,
    }


def _steps(path: Path) -> list[dict[str, str]]:
    return [{"edge": edge, "kind": kind, "type": name} for edge, kind, name in path.described()]
