"""The state of a watch as OpenMetrics text (https://prometheus.io/docs/specs/om), which
Prometheus' collector of text files reads too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from leakhunt.analysis.course import Shape
from leakhunt.report.watch_model import Sample


@dataclass(frozen=True, slots=True)
class Counters:
    """What adds up over the watch of one process."""

    samples: int
    alarms: int
    snapshots: int


@dataclass(frozen=True, slots=True)
class _Gauge:
    name: str
    unit: str
    help: str
    value: Callable[[Sample], float | None]


def _seconds(value: int | None) -> float | None:
    return None if value is None else value / 1e9


_GAUGES: Final = (
    _Gauge("resident_bytes", "bytes", "Resident memory.", lambda s: s.rss_bytes),
    _Gauge("threads", "", "Threads.", lambda s: s.threads),
    _Gauge("descriptors", "", "Open file descriptors.", lambda s: s.descriptors),
    _Gauge("blocks", "", "Blocks that Python's object allocator gave out.", lambda s: s.blocks),
    _Gauge(
        "gc_enabled", "", "Whether the collector is switched on.",
        lambda s: None if s.gc_enabled is None else float(s.gc_enabled),
    ),
    _Gauge(
        "gc_young_objects", "objects",
        "Allocations less deallocations since the youngest generation was collected.",
        lambda s: s.gc_young,
    ),
    _Gauge(
        "group_used_bytes", "bytes",
        "Memory of the control group nearest to its limit, less idle page cache.",
        lambda s: s.group_bytes,
    ),
    _Gauge("group_limit_bytes", "bytes", "Its limit.", lambda s: s.group_limit_bytes),
    _Gauge(
        "growth_bytes_per_second", "", "Slope of the floors of the resident memory.",
        lambda s: s.rate_bytes_per_s,
    ),
    _Gauge(
        "growing", "", "Whether the resident memory grows steadily.",
        lambda s: float(s.shape == Shape.GROWING),
    ),
    _Gauge(
        "loop_delay_p50_seconds", "seconds", "Median delay of the event loop in the last look.",
        lambda s: _seconds(s.loop_delay_p50_ns),
    ),
    _Gauge(
        "loop_delay_p99_seconds", "seconds", "99th percentile of that delay.",
        lambda s: _seconds(s.loop_delay_p99_ns),
    ),
)  # fmt: skip
_COUNTERS: Final[tuple[tuple[str, str, Callable[[Counters], int]], ...]] = (
    ("samples", "Samples taken.", lambda c: c.samples),
    ("alarms", "Alarms raised.", lambda c: c.alarms),
    ("snapshots", "Snapshots written.", lambda c: c.snapshots),
)


def metrics_text(states: Mapping[int, tuple[Sample, Counters]]) -> str:
    """One line for each figure of each process, by its number; what is not known is left out."""
    lines: list[str] = []
    for gauge in _GAUGES:
        values = [(pid, gauge.value(sample)) for pid, (sample, _) in states.items()]
        head = [f"# TYPE leakhunt_{gauge.name} gauge"]
        head += [f"# UNIT leakhunt_{gauge.name} {gauge.unit}"] if gauge.unit else []
        head.append(f"# HELP leakhunt_{gauge.name} {gauge.help}")
        lines += _family(head, gauge.name, values)
    for name, text, count in _COUNTERS:
        counts = [(pid, count(counters)) for pid, (_, counters) in states.items()]
        head = [f"# TYPE leakhunt_{name} counter", f"# HELP leakhunt_{name} {text}"]
        lines += _family(head, f"{name}_total", counts)
    return "\n".join([*lines, "# EOF", ""])


def _family(head: list[str], sample: str, values: Iterable[tuple[int, float | None]]) -> list[str]:
    known = [(pid, value) for pid, value in values if value is not None]
    lines = [f'leakhunt_{sample}{{pid="{pid}"}} {value!r}' for pid, value in known]
    return head + lines if lines else []
