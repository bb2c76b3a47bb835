"""What a watch says, as data, as a line of JSON (``leakhunt.watch/1``) and as a line for people.

Loads nothing but the standard library: a watch stays small.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from leakhunt.report import units
from leakhunt.report.escape import escape

WATCH_SCHEMA: Final = "leakhunt.watch/1"
_SENTENCE_LIMIT: Final = 500


class EventKind(StrEnum):
    """What happened."""

    START = "start"
    """A process is watched from now on."""
    SAMPLE = "sample"
    """The state of a process."""
    SNAPSHOT = "snapshot"
    """A file was written."""
    ALARM = "alarm"
    """Something is wrong: it grows, or is near its limit."""
    CLEAR = "clear"
    """An alarm is over."""
    END = "end"
    """A process ended or can no longer be watched."""
    NOTE = "note"
    """Something could not be done."""


class Reason(StrEnum):
    """Why there is an alarm, or a snapshot."""

    NONE = ""
    BASELINE = "baseline"
    GROWTH = "growth"
    """Its floor rises steadily, by more than the wished rate."""
    MAX_RSS = "max-rss"
    """It has more resident than wished."""
    CGROUP = "cgroup"
    """Its control group is near its limit."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The state of a process, with what is known of its course."""

    rss_bytes: int
    threads: int
    descriptors: int | None
    group_bytes: int | None
    """Charged to the control group that is nearest to its limit, less idle page cache."""
    group_limit_bytes: int | None
    blocks: int | None
    """Given out by the object allocator, at the last look from inside."""
    gc_enabled: bool | None
    gc_young: int | None
    """Allocations less deallocations since the youngest generation was collected."""
    loop_delay_p50_ns: int | None
    loop_delay_p99_ns: int | None
    """How late its slowest event loop was to answer, in the seconds that the last look listened;
    None without a loop that can be measured."""
    shape: str
    """How the resident memory goes on (``analysis.course.Shape``)."""
    rate_bytes_per_s: float | None
    """Of the floors of its resident memory; None while it was not watched for long enough."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event."""

    kind: EventKind
    time_s: float
    """Since the epoch."""
    pid: int
    message: str = ""
    """A sentence; empty for samples."""
    reason: Reason = Reason.NONE
    path: str | None = None
    """Of a snapshot."""
    pause_ns: int | None = None
    """The process stood still for so long for the snapshot."""
    sample: Sample | None = None


@dataclass(slots=True)
class WatchSummary:
    """What a watch came to."""

    samples: int = 0
    alarms: int = 0
    snapshots: int = 0


def event_to_dict(event: WatchEvent) -> dict[str, Any]:
    """The event as plain dicts, strings, numbers and None."""
    sample = event.sample
    return {
        "schema": WATCH_SCHEMA,
        "event": str(event.kind),
        "time_s": round(event.time_s, 3),
        "pid": event.pid,
        "message": event.message,
        "reason": str(event.reason) or None,
        "path": event.path,
        "pause_ns": event.pause_ns,
        "sample": None
        if sample is None
        else {name: getattr(sample, name) for name in Sample.__slots__},
    }


def event_to_json(event: WatchEvent) -> str:
    """One line of ASCII JSON, without its end."""
    return json.dumps(event_to_dict(event), ensure_ascii=True, allow_nan=False)


def event_to_line(event: WatchEvent, clock: str) -> str:
    """One line for people; ``clock``: the time of day."""
    if event.sample is not None and event.kind is EventKind.SAMPLE:
        return f"{clock}  {event.pid:>7}  {_words(event.sample)}"
    what = str(event.kind).upper() if event.kind is EventKind.ALARM else str(event.kind)
    return f"{clock}  {event.pid:>7}  {what}: {escape(event.message, limit=_SENTENCE_LIMIT)}"


def _words(sample: Sample) -> str:
    words = [units.size(sample.rss_bytes).rjust(10)]
    if sample.rate_bytes_per_s is None:
        words.append("too early for a trend".ljust(26))
    else:
        rate = f"{units.size(sample.rate_bytes_per_s * 60, signed=True)}/min"
        words.append(f"{sample.shape}, {rate}".ljust(26))
    words.append(units.plural(sample.threads, "thread"))
    if sample.descriptors is not None:
        words.append(units.plural(sample.descriptors, "descriptor"))
    if sample.blocks is not None:
        words.append(f"{units.count(sample.blocks)} blocks")
    if sample.gc_enabled is False:
        words.append("collector off")
    if sample.group_bytes is not None and sample.group_limit_bytes:
        share = 100 * sample.group_bytes / sample.group_limit_bytes
        words.append(f"{share:.0f} % of the group's limit")
    if sample.loop_delay_p99_ns is not None:
        words.append(f"loop p99 {units.duration(sample.loop_delay_p99_ns)} late")
    return "  ".join(words)
