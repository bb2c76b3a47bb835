"""The red flags of a process, as data and as JSON (``leakhunt.doctor/1``)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from leakhunt.analysis.vitals import Flag

DOCTOR_SCHEMA = "leakhunt.doctor/1"


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What ``leakhunt doctor`` answers."""

    pid: int
    command: tuple[str, ...]
    """Of a program that was started to be watched, and ended; empty otherwise."""
    duration_s: float
    samples: int
    pause_ns: int
    """The process stood still for so long when the snapshot was taken."""
    flags: tuple[Flag, ...]
    notes: tuple[str, ...] = ()


def doctor_to_dict(report: DoctorReport) -> dict[str, Any]:
    """The report as plain dicts, lists, strings, numbers and None."""
    return {
        "schema": DOCTOR_SCHEMA,
        "pid": report.pid,
        "command": list(report.command),
        "duration_s": report.duration_s,
        "samples": report.samples,
        "pause_ns": report.pause_ns,
        "flags": [{**asdict(flag), "light": str(flag.light)} for flag in report.flags],
        "notes": list(report.notes),
    }


def doctor_to_json(report: DoctorReport) -> str:
    """ASCII JSON text without a final newline."""
    return json.dumps(doctor_to_dict(report), indent=2, ensure_ascii=True, allow_nan=False)
