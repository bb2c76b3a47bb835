"""Memory by kind and memory over time, as the Case view draws them."""

from __future__ import annotations

from leakhunt.analysis.bill import PARTS
from leakhunt.report import units
from leakhunt.report.escape import escape
from leakhunt.report.model import Report
from leakhunt.report.text.bill import TITLE_BY_PART
from leakhunt.tui.widgets.parts import Part

_APART = 0.15
"""Part of the axis that a word takes."""
_LABELS = ("final", "loaded", "baseline")


def parts_of(report: Report) -> tuple[str, list[Part]]:
    """Heading and parts of the last moment that has a bill; without one, what is known."""
    label = next((name for name in _LABELS if name in report.bills), None)
    if label is None:
        return _without_bill(report)
    bill, before = report.bills[label], report.bills.get("baseline")
    parts = []
    for number, name in enumerate(PARTS, 1):
        value, old = bill.part(name), before.part(name) if before else None
        change = value - old if value is not None and old is not None else None
        parts.append(Part(TITLE_BY_PART[name], value or 0, f"part-{number}", change))
    return f"{units.size(bill.rss_bytes)} resident, {label}", parts


def _without_bill(report: Report) -> tuple[str, list[Part]]:
    rss, python = (report.memory.get(f"{name}_final_bytes") for name in ("rss", "python"))
    old_rss, old_python = (
        report.memory.get(f"{name}_baseline_bytes") for name in ("rss", "python")
    )
    if python is None:
        return "memory is not known", []
    change = python - old_python if old_python is not None else None
    parts = [Part("Python objects", python, "part-1", change)]
    if rss is None:
        return f"{units.size(python)} of Python objects", parts
    rest = rss - old_rss - (change or 0) if old_rss is not None else None
    parts.append(Part("all else", max(rss - python, 0), "part-7", rest))
    return f"{units.size(rss)} resident, final", parts


def points_of(report: Report) -> tuple[list[float], list[float], list[str]]:
    """Cycles done, bytes of Python objects, and the words of each snapshot."""
    cycles = report.cycles or 0
    done = {"baseline": 0, "window": cycles // 3, "loaded": cycles, "final": cycles}
    x: list[float] = []
    y: list[float] = []
    ticks: list[str] = []
    rung = 1
    for number, snapshot in enumerate(report.snapshots):
        at: float = number
        if cycles:
            if snapshot.label not in done:
                rung += 1
            at = done.get(snapshot.label, cycles * rung)
        if x and at <= x[-1]:
            at = x[-1] + (cycles * 0.08 if cycles else 1)  # settled: a little later
        x.append(at)
        y.append(snapshot.bytes)
        ticks.append(escape(snapshot.label[:8]))
    for i in range(len(x) - 1):
        if x[i + 1] - x[i] < _APART * (x[-1] - x[0]):
            ticks[i] = ""  # there is no room for both words
    return x, y, ticks
