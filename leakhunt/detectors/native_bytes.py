"""Bytes that grow outside Python objects: in malloc, or in mappings made past it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from leakhunt.analysis.bill import MAPPED, NATIVE
from leakhunt.analysis.bills import Bills, part_series
from leakhunt.analysis.places import Series
from leakhunt.detectors.base import Category, Finding, HolderInfo, LeakedType, Verdict
from leakhunt.detectors.verdict import Judgement, Load, judge
from leakhunt.detectors.wording import fingerprint, human_bytes, noun

MEMORY = "<native memory>"
"""Stands for the type of what has none."""

_ADVICE = (
    "No Python object owns this memory, so no holder can let go of it. Look at what the load calls"
    " in C (ctypes, extensions): each create, open or alloc needs its free, close or destroy."
    " `memray run --native` or heaptrack names the C function that allocates."
)
_SHOWN = 2


@dataclass(frozen=True, slots=True)
class _Pool:
    """One way to get memory past Python's objects."""

    part: str
    path: str
    words: str
    least_bytes: int
    """Growth below this has reasons of its own: tables of the C library, pages touched late."""
    least_steady_bytes: int
    """The same for growth at one rate in both windows, where nothing else leaks."""


_POOLS = (
    _Pool(NATIVE, "<malloc>", "from malloc", 1 << 20, 1 << 17),
    _Pool(MAPPED, "<mmap>", "in anonymous mappings (mmap)", 4 << 20, 4 << 20),
)
_ONE_RATE = 1.25
"""Rates of the two windows may differ by this factor where little grows."""
_LEAST_RATE = 512
"""Bytes per cycle below which a little growth may be anything."""


def native_findings(
    bills: Bills,
    load: Load,
    leaking: Collection[str],
    filling: Collection[str] = (),
    bounded_bytes: int = 0,
) -> list[Finding]:
    """What grows and belongs to no Python object.

    ``leaking``: types of which a leak was found; ``filling``: threads, and types of C code, of
    which something bounded got more.  Their objects may own the memory without saying so in their
    size, so it is no proof of another leak then.  ``bounded_bytes``: what C libraries in use keep
    by their own bounds.
    """
    found = []
    for pool in _POOLS:
        series = part_series(bills, pool.part)
        if series is None or series.growth <= bounded_bytes:
            continue
        if series.growth < pool.least_bytes and (
            leaking or series.growth < pool.least_steady_bytes or not _is_steady(series, load)
        ):
            continue
        judgement = _judge(series, load, leaking, filling)
        if judgement.verdict is not Verdict.NOT:
            found.append(_finding(pool, series, judgement, load, bills))
    return found


def _is_steady(series: Series, load: Load) -> bool:
    """Does it grow at one rate in both windows, by some hundred bytes a cycle at least?"""
    start, window, end = series.baseline, series.window, series.loaded
    if load.cycles is None or load.window_cycles is None:
        return False
    if start is None or window is None or end is None:
        return False
    rates = (
        (window - start) / load.window_cycles,
        (end - window) / (load.cycles - load.window_cycles),
    )
    return min(rates) >= _LEAST_RATE and max(rates) <= _ONE_RATE * min(rates)


def is_outside(finding: Finding) -> bool:
    """Is it about memory that no Python object owns?"""
    return finding.category is Category.NATIVE and any(t.type == MEMORY for t in finding.leaked)


def _judge(
    series: Series, load: Load, leaking: Collection[str], filling: Collection[str]
) -> Judgement:
    found = judge(series, load)
    if found.verdict is not Verdict.LEAK or not (leaking or filling):
        return found
    names = sorted(leaking or filling)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    shown = ", ".join(f"`{name}`" for name in names[:_SHOWN]) + more
    do = "leak too" if leaking else "fill what is bounded"
    return Judgement(
        Verdict.SUSPECT, f"{found.reason[:-1]}; but {shown} {do}, and may own it.", 0.4
    )


def _finding(
    pool: _Pool, series: Series, judgement: Judgement, load: Load, bills: Bills
) -> Finding:
    grown, cycles = series.growth, load.cycles
    rate = human_bytes(grown if cycles is None else grown / cycles)
    per_cycle = " per cycle" * bool(cycles)
    title = (
        f"{noun(Category.NATIVE, judgement.verdict)}, not Python objects: "
        f"+{rate}{per_cycle} {pool.words} that no Python object owns."
    )
    return Finding(
        rank=0,
        fingerprint=fingerprint(Category.NATIVE, pool.path, MEMORY),
        category=Category.NATIVE,
        verdict=judgement.verdict,
        reason=judgement.reason,
        confidence=judgement.confidence,
        title=title,
        holder=HolderInfo(pool.path, MEMORY, None, None, None),
        leaked=(LeakedType(MEMORY, 0, grown),),
        count_per_cycle=None,
        bytes_per_cycle=None if cycles is None else grown / cycles,
        retained_bytes=None,
        exclusive_bytes=None,
        retaining_path=(),
        evidence=(points(series), *source_of(bills, pool.part)),
        advice=_ADVICE,
    )


def points(series: Series) -> str:
    """``bytes: baseline 1,024, window 2,048, ...``."""
    values = [
        f"{name} {value:,}"
        for name in ("baseline", "window", "loaded", "final")
        if (value := getattr(series, name)) is not None
    ]
    return f"{series.unit}: {', '.join(values)}"


def source_of(bills: Bills, name: str) -> tuple[str, ...]:
    """Where the figure comes from."""
    return tuple(f"measured as {p.source}" for p in bills["final"].parts if p.name == name)
