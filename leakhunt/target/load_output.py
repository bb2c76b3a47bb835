"""What load tools print about a run: requests, failures, latencies.

wrk, hey, oha, ApacheBench (ab), locust and k6 are known.  A load of one's own says how many
cycles it made in a line ``leakhunt-cycles: 1000``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_NS_BY_UNIT: Final = {
    "ns": 1.0,
    "us": 1e3,
    "µs": 1e3,
    "μs": 1e3,
    "ms": 1e6,
    "s": 1e9,
    "sec": 1e9,
    "secs": 1e9,
    "m": 60e9,
    "min": 60e9,
    "h": 3600e9,
}
_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """What a load tool said of one run; None for what it did not say."""

    tool: str | None = None
    requests: int | None = None
    failed: int | None = None
    latency_ns: dict[str, int] = field(default_factory=dict)
    """By name: ``mean``, ``p50``, ``p90``, ``p95``, ``p99``, ``max``."""


def read_figures(text: str) -> LoadFigures:
    """The figures in the output of a load command; all None when no known tool wrote it.

    Cost: linear in the text.  Never raises.
    """
    own = re.findall(r"^leakhunt-cycles:[ \t]*(\d{1,18})[ \t]*$", text, re.MULTILINE)
    found = next((figures for read in _READERS if (figures := read(text))), LoadFigures())
    if own:
        return LoadFigures(found.tool, sum(map(int, own)), found.failed, found.latency_ns)
    return found


def _wrk(text: str) -> LoadFigures | None:
    head = re.search(r"^\s*(\d+) requests in \S+, \S+ read", text, re.MULTILINE)
    if head is None:
        return None
    failed = 0
    if errors := re.search(r"Socket errors: (.*)", text):
        failed += sum(map(_whole, re.findall(r"\w+ (\d+)", errors[1])))
    if bad := re.search(r"Non-2xx or 3xx responses: (\d+)", text):
        failed += _whole(bad[1])
    latency = _percents(text, r"^\s+(\d+(?:\.\d+)?)%\s+([\d.]+)(us|ms|s|m|h)\s*$")
    line = r"^\s+Latency\s+([\d.]+)(us|ms|s|m|h)\s+[\d.]+\w+\s+([\d.]+)(us|ms|s|m|h)"
    if row := re.search(line, text, re.MULTILINE):
        latency["mean"], latency["max"] = _ns(row[1], row[2]), _ns(row[3], row[4])
    return LoadFigures("wrk", _whole(head[1]), failed, latency)


def _hey_or_oha(text: str) -> LoadFigures | None:
    if not re.search(r"^\s*Requests/sec:\s", text, re.MULTILINE) or "Slowest:" not in text:
        return None
    answered = [
        (int(status), _whole(count))
        for status, count in re.findall(r"^\s*\[(\d{3})\]\s+(\d+) responses", text, re.MULTILINE)
    ]
    errors = text.partition("Error distribution:")[2]
    broken = sum(map(_whole, re.findall(r"^\s*\[(\d+)\]\s", errors, re.MULTILINE)))
    refused = sum(count for status, count in answered if status >= 400)
    latency = _percents(text, r"^\s+(\d+(?:\.\d+)?)% in ([\d.]+) (\w+)")
    for name, word in (("mean", "Average"), ("max", "Slowest")):
        if row := re.search(rf"^\s+{word}:\s+([\d.]+) (\w+)", text, re.MULTILINE):
            latency[name] = _ns(row[1], row[2])
    tool = "oha" if "Success rate:" in text else "hey"
    total = sum(count for _, count in answered) + broken
    return LoadFigures(tool, total, refused + broken, latency)


def _ab(text: str) -> LoadFigures | None:
    head = re.search(r"^Complete requests:\s+(\d+)", text, re.MULTILINE)
    if head is None:
        return None
    counts = re.findall(r"^(?:Failed requests|Non-2xx responses):\s+(\d+)", text, re.MULTILINE)
    table = text.partition("served within a certain time (ms)")[2]
    latency = _percents(table, r"^\s+(\d+)%\s+(\d+)()", unit="ms")
    if "p100" in latency:
        latency["max"] = latency.pop("p100")
    if row := re.search(r"^Total:\s+\d+\s+(\d+)", text, re.MULTILINE):
        latency["mean"] = _ns(row[1], "ms")
    return LoadFigures("ab", _whole(head[1]), sum(map(_whole, counts)), latency)


def _locust(text: str) -> LoadFigures | None:
    number = r"\s+(\d+(?:\.\d+)?)"
    row = re.search(
        rf"^\s*Aggregated\s+(\d+)\s+(\d+)\(\d+(?:\.\d+)?%\)\s+\|{number}{number}{number}{number}",
        text,
        re.MULTILINE,
    )
    if row is None:
        return None
    latency = {"mean": _ns(row[3], "ms"), "p50": _ns(row[6], "ms"), "max": _ns(row[5], "ms")}
    _, _, table = text.partition("Response time percentiles")
    heads = re.search(r"^Type\s+Name((?:\s+[\d.]+%)+)", table, re.MULTILINE)
    cells = re.search(r"^\s*Aggregated((?:\s+\d+)+)\s*$", table, re.MULTILINE)
    if heads and cells:
        for head, cell in zip(heads[1].split(), cells[1].split(), strict=False):
            _keep(latency, head.rstrip("%"), _ns(cell, "ms"))
    return LoadFigures("locust", _whole(row[1]), _whole(row[2]), latency)


def _k6(text: str) -> LoadFigures | None:
    head = re.search(r"^\s*http_reqs\.*:\s+(\d+)\s", text, re.MULTILINE)
    if head is None:
        return None
    requests, failed = _whole(head[1]), None
    share = r"^\W*http_req_failed\.*:\s+[\d.]+%\s+(?:✓ (\d+)\s+✗ \d+|(\d+) out of \d+)"
    if row := re.search(share, text, re.MULTILINE):
        failed = _whole(row[1] or row[2])
    latency: dict[str, int] = {}
    if row := re.search(r"^\W*http_req_duration\.*:\s+(\S+=.*)$", text, re.MULTILINE):
        for name, value in re.findall(r"([\w().]+)=(\S+)", row[1]):
            known = {"avg": "mean", "med": "p50", "max": "max"}.get(name)
            if known is not None:
                latency[known] = _duration(value)
            elif percent := re.fullmatch(r"p\(([\d.]+)\)", name):
                _keep(latency, percent[1], _duration(value))
    return LoadFigures("k6", requests, failed, latency)


_READERS: Final[tuple[Callable[[str], LoadFigures | None], ...]] = (
    _wrk,
    _hey_or_oha,
    _ab,
    _locust,
    _k6,
)


def _percents(text: str, line: str, unit: str | None = None) -> dict[str, int]:
    """``{"p50": ns, ...}`` of every line that matches (percent, number, unit)."""
    latency: dict[str, int] = {}
    for percent, number, given in re.findall(line, text, re.MULTILINE):
        _keep(latency, percent, _ns(number, unit or given))
    return latency


def _keep(latency: dict[str, int], percent: str, value_ns: int) -> None:
    """Note a percentile as ``p99`` or ``p99.9``."""
    shown = percent.rstrip("0").rstrip(".") if "." in percent else percent
    latency[f"p{shown}"] = value_ns


def _duration(text: str) -> int:
    """``1m2.5s`` or ``140.36ms`` in nanoseconds."""
    parts = re.findall(r"([\d.]+)(ns|us|µs|μs|ms|s|m|h)", text)
    return sum(_ns(number, unit) for number, unit in parts)


def _ns(number: str, unit: str) -> int:
    try:
        return int(float(number) * _NS_BY_UNIT.get(unit, 0.0))
    except (ValueError, OverflowError):
        return 0


def _whole(digits: str) -> int:
    return int(digits[:_DIGITS_MAX])
