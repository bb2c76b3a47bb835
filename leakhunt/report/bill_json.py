"""The memory bill as JSON, and back."""

from __future__ import annotations

from typing import Any

from leakhunt.analysis.bill import Bill, BillPart
from leakhunt.report.json_fields import Fields


def to_dict(bill: Bill, label: str) -> dict[str, Any]:
    """The bill of the snapshot ``label`` as plain dicts, lists, strings, numbers and None."""
    return {
        "label": label,
        "rss_bytes": bill.rss_bytes,
        "parts": [
            {"name": part.name, "bytes": part.bytes, "source": part.source} for part in bill.parts
        ],
        "unknown": list(bill.unknown),
    }


def from_value(value: object, place: str) -> tuple[str, Bill]:
    """Label and bill of :func:`to_dict`.  Raises UsageError for what is none."""
    fields = Fields(value, place)
    bill = Bill(
        rss_bytes=fields.integer("rss_bytes"),
        parts=fields.each("parts", _read_part),
        unknown=fields.texts("unknown"),
    )
    return fields.text("label"), bill


def _read_part(value: object, place: str) -> BillPart:
    fields = Fields(value, place)
    return BillPart(fields.text("name"), fields.integer_or_none("bytes"), fields.text("source"))
