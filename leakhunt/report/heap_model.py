"""What one snapshot holds, as data and as JSON (schema ``leakhunt.heap/1``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from leakhunt.analysis.retention import Accumulation, HeapTotals

HEAP_SCHEMA = "leakhunt.heap/1"


@dataclass(frozen=True, slots=True)
class HeapReport:
    """The answer of ``leakhunt analyse``."""

    snapshot: str
    """The file."""
    label: str
    created: str
    """ISO 8601, UTC; empty when not known."""
    pid: int | None
    totals: HeapTotals
    largest: tuple[Accumulation, ...]
    is_cached: bool
    """Nothing had to be computed."""
    cache: str | None
    """The cache file, None when there is none."""
    notes: tuple[str, ...]
    timings_ns: Mapping[str, int]
    """By step; ``total_ns`` for all of it."""


def heap_to_json(report: HeapReport, *, indent: int | None = 2) -> str:
    """ASCII JSON text without a final newline."""
    return json.dumps(heap_to_dict(report), indent=indent, ensure_ascii=True, allow_nan=False)


def heap_to_dict(report: HeapReport) -> dict[str, Any]:
    """Plain dicts, lists, strings, numbers and None."""
    totals = asdict(report.totals)
    return {
        "schema": HEAP_SCHEMA,
        "snapshot": report.snapshot,
        "label": report.label,
        "created": report.created,
        "pid": report.pid,
        "totals": totals,
        "largest": [asdict(one) for one in report.largest],
        "is_cached": report.is_cached,
        "cache": report.cache,
        "notes": list(report.notes),
        "timings_ns": dict(report.timings_ns),
    }
