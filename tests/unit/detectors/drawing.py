"""A hunt of a heap that is drawn, and what is to come of it."""

from __future__ import annotations

from collections.abc import Callable

from leakhunt.detectors.base import Finding, Verdict
from leakhunt.detectors.investigate import CaseSnapshots, Investigation, investigate
from tests.builders import Heap, Obj

CYCLES, WINDOW = 60, 20


def run(heap: Heap, cycle: Callable[[int], object], **options: int | None) -> Investigation:
    """Warm up, snap, load with a window, snap, collect, snap."""
    for i in range(6):
        cycle(i)
    heap.collect()
    b = heap.snap("baseline")
    for i in range(6, 6 + WINDOW):
        cycle(i)
    w = heap.snap("window")
    for i in range(6 + WINDOW, 6 + CYCLES):
        cycle(i)
    loaded = heap.snap("loaded")
    heap.collect()
    f = heap.snap("final")
    cycles = options.get("cycles", CYCLES)
    return investigate(CaseSnapshots(b, f, loaded, w, cycles, WINDOW if cycles else None))


def only(result: Investigation) -> Finding:
    loud = [f for f in result.findings if f.verdict is not Verdict.NOT]
    assert len(loud) == 1, [f.title for f in result.findings]
    assert result.findings[0] is loud[0]
    return loud[0]


def leak(result: Investigation) -> Finding:
    found = only(result)
    assert found.verdict is Verdict.LEAK, found.reason
    return found


def quiet(result: Investigation) -> None:
    assert [f.title for f in result.findings if f.verdict is not Verdict.NOT] == []


def session(heap: Heap) -> Obj:
    return heap.object("shop.session.Session", 900, log=heap.list())
