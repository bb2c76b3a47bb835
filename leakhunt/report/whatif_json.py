"""The answer to a what-if question as JSON (schema ``leakhunt.whatif/1``)."""

from __future__ import annotations

import json
from typing import Any

from leakhunt.analysis.whatif import CutReference, WhatIf
from leakhunt.report.whatif_model import WHATIF_SCHEMA, SmallestCut, WhatIfReport


def whatif_to_json(report: WhatIfReport, *, indent: int | None = 2) -> str:
    """ASCII JSON text without a final newline."""
    return json.dumps(whatif_to_dict(report), indent=indent, ensure_ascii=True, allow_nan=False)


def whatif_to_dict(report: WhatIfReport) -> dict[str, Any]:
    """Plain dicts, lists, strings, numbers and None."""
    asked = report.finding
    return {
        "schema": WHATIF_SCHEMA,
        "snapshot": report.snapshot,
        "heap": {"objects": report.heap_objects, "bytes": report.heap_bytes},
        "finding": None
        if asked is None
        else {
            "rank": asked.rank,
            "fingerprint": asked.fingerprint,
            "title": asked.title,
            "holder": asked.holder,
        },
        **_consequences(report.consequences),
        "smallest_cut": None if report.smallest is None else _smallest(report.smallest),
    }


def _consequences(result: WhatIf) -> dict[str, Any]:
    return {
        "cuts": [_cut(cut) for cut in result.cuts],
        "freed": {
            "bytes": result.freed_bytes,
            "objects": result.freed_objects,
            "types": [
                {"type": share.type, "count": share.count, "bytes": share.bytes}
                for share in result.freed
            ],
        },
        "by_collector": {"objects": result.collector_objects, "bytes": result.collector_bytes},
        "native_holds": {
            "objects": result.native_objects,
            "bytes": result.native_bytes,
            "types": list(result.native_types),
        },
        "stays": {
            "objects": result.stays_objects,
            "holders": [
                {"path": keeper.path, "type": keeper.type, "objects": keeper.objects}
                for keeper in result.keepers
            ],
        },
        "outer_bytes": result.outer_bytes,
        "opaque_types": list(result.opaque_types),
    }


def _cut(cut: CutReference) -> dict[str, Any]:
    return {
        "path": cut.path,
        "references": cut.references,
        "types": list(cut.types),
        "keeps": cut.reaches,
    }


def _smallest(smallest: SmallestCut) -> dict[str, Any]:
    return {
        "of": smallest.of,
        "references": [_cut(cut) for cut in smallest.references],
        "why_not": smallest.why_not,
        "freed_bytes": smallest.freed_bytes,
        "freed_objects": smallest.freed_objects,
    }
