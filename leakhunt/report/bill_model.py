"""The memory bill of one process or snapshot, as data and as JSON (``leakhunt.bill/1``)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from leakhunt.analysis.bill import Bill
from leakhunt.report import bill_json

BILL_SCHEMA = "leakhunt.bill/1"


@dataclass(frozen=True, slots=True)
class BillReport:
    """What ``leakhunt bill`` answers."""

    pid: int
    snapshot: str | None
    """The file, when a file was asked about."""
    objects: int
    cgroup_bytes: int | None
    """What the control group of a live process is charged for; None when it has none."""
    pause_ns: int
    """The process stood still for so long when the snapshot was taken."""
    bill: Bill


def bill_to_dict(report: BillReport) -> dict[str, Any]:
    """The report as plain dicts, lists, strings, numbers and None."""
    return {
        "schema": BILL_SCHEMA,
        "pid": report.pid,
        "snapshot": report.snapshot,
        "objects": report.objects,
        "cgroup_bytes": report.cgroup_bytes,
        "pause_ns": report.pause_ns,
        "bill": bill_json.to_dict(report.bill, "now"),
    }


def bill_to_json(report: BillReport) -> str:
    """ASCII JSON text without a final newline."""
    return json.dumps(bill_to_dict(report), indent=2, ensure_ascii=True, allow_nan=False)
