"""A verification as JSON (schema ``leakhunt.verify/1``)."""

from __future__ import annotations

import json
from typing import Any

from leakhunt.detectors.verification import Change, Rates
from leakhunt.report import json_report
from leakhunt.report.model import Report
from leakhunt.report.verify_model import SCHEMA, Verification


def verification_to_json(result: Verification) -> str:
    """ASCII text without a final newline."""
    return json.dumps(to_dict(result), indent=2, ensure_ascii=True, allow_nan=False)


def to_dict(result: Verification) -> dict[str, Any]:
    """The verification as plain dicts, lists, strings, numbers and None."""
    after = json_report.to_dict(result.after)
    return {
        "schema": SCHEMA,
        "is_fixed": result.is_fixed,
        "before": _summary(json_report.to_dict(result.before), result.before),
        "after": _summary(after, result.after),
        "changes": [_change(change) for change in result.changes],
        "notes": list(result.notes),
        "errors": list(result.errors),
        "report": after,
    }


def _summary(value: dict[str, Any], report: Report) -> dict[str, Any]:
    return {"verdict": value["verdict"], "cycles": report.cycles, "rate": value["rate"]}


def _change(change: Change) -> dict[str, Any]:
    return {
        "status": str(change.status),
        "fingerprint": change.fingerprint,
        "category": str(change.category),
        "holder": change.holder,
        "type": change.type,
        "before": _rates(change.before),
        "after": _rates(change.after),
        "measure": change.measure,
        "threshold": change.threshold,
    }


def _rates(rates: Rates | None) -> dict[str, Any] | None:
    if rates is None:
        return None
    return {
        "verdict": str(rates.verdict),
        "count_per_cycle": rates.count_per_cycle,
        "bytes_per_cycle": rates.bytes_per_cycle,
    }
