"""One look of ``leakhunt top``, as data and as JSON (``leakhunt.top/1``)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from leakhunt.analysis.bill import Bill
from leakhunt.report import bill_json

TOP_SCHEMA = "leakhunt.top/1"


@dataclass(frozen=True, slots=True)
class TopRow:
    """One type."""

    type: str
    count: int
    bytes: int
    """Shallow sizes of all of them."""
    count_per_min: float | None
    bytes_per_min: float | None
    """Since the earliest of the last looks; None at the first look."""


@dataclass(frozen=True, slots=True)
class TopReport:
    """What a process holds at one moment, and how fast that changes."""

    pid: int
    look: int
    """1 for the first."""
    at_s: float
    """Since the first look."""
    span_s: float
    """What the rates are taken over; 0 at the first look."""
    objects: int
    rss_bytes: int
    rss_per_min: float | None
    threads: int
    descriptors: int
    pause_ns: int
    """The process stood still for so long."""
    bill: Bill | None
    rows: tuple[TopRow, ...]
    """The fastest growing types first; at the first look the largest."""
    types: int
    """All that there are, also those without a row."""


def top_to_dict(report: TopReport) -> dict[str, Any]:
    """The report as plain dicts, lists, strings, numbers and None."""
    values = {name: getattr(report, name) for name in TopReport.__slots__}
    bill = report.bill
    return {
        "schema": TOP_SCHEMA,
        **values,
        "bill": None if bill is None else bill_json.to_dict(bill, "now"),
        "rows": [asdict(row) for row in report.rows],
    }


def top_to_json(report: TopReport) -> str:
    """One line of ASCII JSON, without its end."""
    return json.dumps(top_to_dict(report), ensure_ascii=True, allow_nan=False)
