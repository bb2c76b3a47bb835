"""The memory bill of one process or snapshot, as data and as JSON (``leakhunt.bill/1``)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from leakhunt.analysis.bill import Bill
from leakhunt.analysis.bill_growth import BillGrowth, growth_of
from leakhunt.report import bill_json

BILL_SCHEMA = "leakhunt.bill/1"


@dataclass(frozen=True, slots=True)
class TrimResult:
    """What it brought to have malloc give back what it held free."""

    is_trimmed: bool
    """Only glibc's malloc can be asked."""
    rss_before_bytes: int
    rss_after_bytes: int
    ns: int
    """It took so long, and malloc was locked meanwhile."""


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
    cgroup_limit_bytes: int | None = None
    """Of the control group that is nearest to its limit."""
    before: Bill | None = None
    """Of an earlier snapshot of the process."""
    trim: TrimResult | None = None

    @property
    def growth(self) -> BillGrowth | None:
        """By what it grew since the earlier snapshot."""
        return None if self.before is None else growth_of(self.before, self.bill)


def bill_to_dict(report: BillReport) -> dict[str, Any]:
    """The report as plain dicts, lists, strings, numbers and None."""
    before, growth = report.before, report.growth
    return {
        "schema": BILL_SCHEMA,
        "pid": report.pid,
        "snapshot": report.snapshot,
        "objects": report.objects,
        "cgroup_bytes": report.cgroup_bytes,
        "cgroup_limit_bytes": report.cgroup_limit_bytes,
        "pause_ns": report.pause_ns,
        "bill": bill_json.to_dict(report.bill, "now"),
        "before": None if before is None else bill_json.to_dict(before, "before"),
        "growth": None if growth is None else growth_to_dict(growth),
        "trim": None if report.trim is None else asdict(report.trim),
    }


def growth_to_dict(growth: BillGrowth) -> dict[str, Any]:
    """By what a process grew; ``main`` are the causes that matter, none where it did not."""
    return {
        "rss_bytes": growth.rss_bytes,
        "main": [str(one.cause) for one in growth.main],
        "causes": [{"cause": str(one.cause), "bytes": one.bytes} for one in growth.causes],
    }


def bill_to_json(report: BillReport) -> str:
    """ASCII JSON text without a final newline."""
    return json.dumps(bill_to_dict(report), indent=2, ensure_ascii=True, allow_nan=False)
