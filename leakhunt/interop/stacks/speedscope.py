"""speedscope's own JSON (https://www.speedscope.app/file-format-schema.json), a sampled profile
with weights in bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from leakhunt.analysis.call_tree import WeighedStack
from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.sites import NOT_KNOWN
from leakhunt.report.escape import escape

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def to_speedscope(stacks: Sequence[WeighedStack], name: str, exporter: str) -> bytes:
    """ASCII JSON.  ``exporter``: program and version.  O(frames)."""
    index_by_frame: dict[CodeLine, int] = {}
    samples = [
        [
            index_by_frame.setdefault(frame, len(index_by_frame))
            for frame in reversed(stack.frames or (NOT_KNOWN,))
        ]
        for stack in stacks
    ]
    weights = [round(stack.bytes) for stack in stacks]
    profile = {
        "type": "sampled", "name": escape(name), "unit": "bytes", "startValue": 0,
        "endValue": sum(weights), "samples": samples, "weights": weights,
    }  # fmt: skip
    value = {
        "$schema": _SCHEMA,
        "shared": {"frames": [_frame(frame) for frame in index_by_frame]},
        "profiles": [profile],
        "name": escape(name),
        "activeProfileIndex": 0,
        "exporter": exporter,
    }
    return (json.dumps(value, ensure_ascii=True) + "\n").encode("ascii")


def _frame(frame: CodeLine) -> dict[str, Any]:
    found: dict[str, Any] = {"name": escape(frame.function)}
    if frame.file:
        found["file"] = escape(frame.file, limit=None)
    if frame.line is not None:
        found["line"] = frame.line
    return found
