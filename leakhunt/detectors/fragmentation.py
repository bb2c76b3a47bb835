"""Memory that was freed and that the allocators keep."""

from __future__ import annotations

from leakhunt.analysis.bill import FREE
from leakhunt.analysis.bills import Bills, part_series
from leakhunt.analysis.places import Series
from leakhunt.detectors.base import Category, Finding, HolderInfo, LeakedType, Verdict
from leakhunt.detectors.native_bytes import MEMORY, points, source_of
from leakhunt.detectors.verdict import Judgement, Load, judge
from leakhunt.detectors.wording import fingerprint, human_bytes

LEAST_BYTES = 2 << 20
"""Two arenas of pymalloc: less is how allocators work."""
LEAST_SHARE = 0.1
"""Part of the growth of the process below which it explains nothing."""
_PATH = "<allocator>"
_ADVICE = (
    "Nothing leaks here: the program freed this memory, and fixing a holder gives none of it back."
    " Free large buffers before the small ones made after them, do not make long-lived objects in"
    " the middle of a burst, let workers restart now and then (`--max-requests`), or try"
    " `MALLOC_ARENA_MAX=2` or another allocator."
)


def fragmentation_finding(bills: Bills, load: Load) -> Finding | None:
    """Free memory that grew by enough to explain something; never a LEAK."""
    series = part_series(bills, FREE)
    if series is None or series.growth < LEAST_BYTES:
        return None
    resident = bills["final"].rss_bytes - bills["baseline"].rss_bytes
    if series.growth < LEAST_SHARE * resident:
        return None
    judgement = _judge(series, load)
    grown = human_bytes(series.growth)
    what = "Fragmentation" if judgement.verdict is Verdict.SUSPECT else "No leak (fragmentation)"
    return Finding(
        rank=0,
        fingerprint=fingerprint(Category.FRAGMENTATION, _PATH, MEMORY),
        category=Category.FRAGMENTATION,
        verdict=judgement.verdict,
        reason=judgement.reason,
        confidence=judgement.confidence,
        title=f"{what}: +{grown} held free by the allocators of Python and C.",
        holder=HolderInfo(_PATH, MEMORY, None, None, None),
        leaked=(LeakedType(MEMORY, 0, series.growth),),
        count_per_cycle=None,
        bytes_per_cycle=None if load.cycles is None else series.growth / load.cycles,
        retained_bytes=None,
        exclusive_bytes=None,
        retaining_path=(),
        evidence=(points(series), *source_of(bills, FREE)),
        advice=_ADVICE,
    )


def _judge(series: Series, load: Load) -> Judgement:
    """Only a steady climb through the load cannot be explained by one burst."""
    climb = Series("bytes", series.baseline, series.window, series.loaded, series.loaded)
    found = judge(climb, load) if series.loaded is not None else None
    free = "Freed memory that the allocators keep for what is allocated next"
    if found is None:
        return Judgement(Verdict.NOT, f"{free}.", 0.6)
    seen = f"{found.reason[0].lower()}{found.reason[1:]}"
    if found.verdict is not Verdict.LEAK:
        return Judgement(Verdict.NOT, f"{free}; {seen}", 0.7)
    reason = f"Freed memory is kept and not used again: {seen}"
    return Judgement(Verdict.SUSPECT, reason, 0.5)
