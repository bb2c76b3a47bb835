"""LEAK, SUSPECT or NOT, with the reason.

A false accusation is as bad as a miss: LEAK needs growth at about one rate over two windows,
no bound in sight, and no known noise (but what gets new names in exactly each cycle).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from leakhunt.analysis.places import Series
from leakhunt.analysis.trend.slope import STRAIGHT, slope
from leakhunt.detectors.base import Verdict
from leakhunt.detectors.wording import short_number
from leakhunt.graph.noise import Extent

STEADY = 2.0
"""Rates of the two windows may differ by this factor."""
SLOWER = 1.4
"""Factor by which the first window's rate is higher when something fills up."""
CHANCE = 2.5
"""Standard deviations a count may be off by chance."""
FADED = 0.3
"""Below this part of the first window's rate, growth has ended."""
SLOWEST = 0.08
"""Entries per cycle below which growth is never more than SUSPECT."""
BOUND_NEAR = 100
"""A bound found by name counts when it is at most this many times the size."""
KEPT = 0.8
"""Part of the growth of the first window that a leak still holds at the end."""
FLUCTUATION = 0.25
"""Growth below this part of the size is no growth when nothing is kept."""
FEW_CYCLES = 50
"""Fewer fill hardly any bounded thing."""
LADDER_STEPS = 3
"""Steps of a ladder that say more than the two windows of the load."""
AGREED = 0.05
"""Rates of the two windows that differ by no more than this part are the same."""
TOGETHER = 30
"""Less growth of several processes, added up, proves nothing."""
UNCOLLECTED = 0.5
"""Objects a cycle in ``gc.garbage`` above which they are no chance."""
DRAINED = 0.2
"""Part of the growth that goes when the load stops, above which it is a backlog."""
_OF_SEVERAL = "the snapshots are of different processes"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, its reason (one sentence) and how sure we are (0 to 1)."""

    verdict: Verdict
    reason: str
    confidence: float
    is_of_rates: bool = False
    """It rests on the growth in the two windows alone: that of several processes can be added."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much was done between the snapshots."""

    cycles: int | None
    window_cycles: int | None
    is_same_process: bool = True
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Climb:
    """The same measure at every settled point of a ladder."""

    cycles: tuple[int, ...]
    """Cycles of load before each point, from 0."""
    values: tuple[int, ...]


def judge(
    series: Series,
    load: Load,
    *,
    climb: Climb | None = None,
    bound: int | None = None,
    is_bound_explicit: bool = False,
    noise: str | None = None,
    noise_extent: Extent | None = None,
    follows: bool = False,
    survivors: int | None = None,
    slots: int | None = None,
    inside_bound: int | None = None,
    is_replaced: bool = False,
) -> Judgement:
    """Judge one series of growth.

    ``survivors``: entries born before the window and still there.  ``slots``: entries of a
    container that has as many as before and only fills or replaces them.  ``inside_bound``: the
    bound of the container whose entries hold what grows.  ``is_replaced``: it keeps to it, and
    these entries are new.
    """
    if follows:
        reason = "It holds only weak references: it shrinks when the objects go."
        return Judgement(Verdict.NOT, reason, 0.9)
    if noise is not None and noise_extent is Extent.SMALL:
        reason = f"Known noise ({noise}), kept small by its own module."
        return Judgement(Verdict.NOT, reason, 0.9)
    bounded = _bounded(series, bound, is_bound_explicit)
    if bounded is not None:
        return bounded
    if slots is not None:
        reason = f"It has {slots} entries, as before: they are filled or replaced."
        return Judgement(Verdict.NOT, reason, 0.8)
    found = _by_growth(series, load)
    if survivors is not None:
        found = _with_turnover(found, series, load, survivors)
    if climb is not None and series.growth > 0:
        found = _with_ladder(found, series.unit, climb)
    if not load.is_same_process:
        found = _at_most_suspect(found, _OF_SEVERAL)
    elif noise is not None:
        found = _as_noise(found, series, load, noise, noise_extent)
    if inside_bound is not None:
        found = _inside(found, inside_bound, is_replaced=is_replaced, has_ladder=climb is not None)
    if found.verdict is Verdict.LEAK and (load.cycles or 0) < FEW_CYCLES:
        reason = f"{found.reason[:-1]}; in so few cycles a bound may not have shown."
        found = replace(found, reason=reason, confidence=round(found.confidence * 0.8, 2))
    if not load.is_exact:
        found = replace(found, confidence=round(found.confidence * 0.8, 2))
    return found


def judge_together(parts: Sequence[Series], verdicts: Sequence[Verdict], load: Load) -> Judgement:
    """Judge what grew in several processes that shared one load, by its sum.

    ``parts``: of each the measure that its own verdict (``verdicts``) rests on, of one unit.
    ``load``: of all together.  How the load was shared out is not known, so one process alone may
    seem to slow down or to have stopped.  Warm-ups of several may add up to a steady climb, too:
    the sum is a LEAK only if it is large and the rates agree closely, or exactly where one process
    alone is no leak.
    """
    first = sum((part.baseline or 0) if part.window is None else part.window for part in parts)
    series = Series(
        parts[0].unit,
        sum(part.baseline or 0 for part in parts),
        first,
        sum(part.loaded or 0 for part in parts),
        sum(part.final or 0 for part in parts),
    )
    found = judge(series, load)
    if found.verdict is not Verdict.LEAK or load.window_cycles is None or load.cycles is None:
        return found
    rates = (
        (first - (series.baseline or 0)) / load.window_cycles,
        ((series.loaded or 0) - first) / (load.cycles - load.window_cycles),
    )
    apart = 1 - min(rates) / max(rates)
    if series.growth < TOGETHER or apart > (0.0 if Verdict.NOT in verdicts else AGREED):
        return _at_most_suspect(found, "what several processes warmed up may add up to that")
    return found


def judge_uncollected(series: Series, load: Load) -> Judgement:
    """Judge ``gc.garbage``: only the collector puts things there, some time after they leaked."""
    objects = "1 object" if series.growth == 1 else f"{series.growth} objects"
    them = "it" if series.growth == 1 else "them"
    reason = f"The collector kept {objects} instead of freeing {them}."
    if load.cycles is None or series.growth < UNCOLLECTED * load.cycles:
        return Judgement(Verdict.SUSPECT, reason, 0.5)
    found = Judgement(Verdict.LEAK, reason, 0.9)
    return found if load.is_same_process else _at_most_suspect(found, _OF_SEVERAL)


def though_bounded(found: Judgement, why: str) -> Judgement:
    """A bound keeps it from being a leak, not from being a waste."""
    if found.verdict is not Verdict.NOT:
        return found
    return Judgement(Verdict.SUSPECT, f"{found.reason[:-1]}; but {why}.", 0.6)


def though_going(found: Judgement, why: str) -> Judgement:
    """Growth that ends without a fix is no leak, however steady."""
    if found.verdict is Verdict.NOT:
        return found
    return Judgement(Verdict.NOT, f"{found.reason[:-1]}; but {why}.", 0.8)


def _at_most_suspect(found: Judgement, why: str) -> Judgement:
    verdict = Verdict.SUSPECT if found.verdict is Verdict.LEAK else found.verdict
    reason = f"{found.reason[:-1]}; {why}."
    return Judgement(verdict, reason, min(found.confidence, 0.4))


def _as_noise(
    found: Judgement, series: Series, load: Load, noise: str, extent: Extent | None
) -> Judgement:
    """A warm-up does not bring the same number in each cycle, where there is no end to it."""
    is_leak = found.verdict is Verdict.LEAK and extent is Extent.ENDLESS
    if not is_leak or not _is_exact(series, load):
        return _at_most_suspect(found, f"known noise ({noise})")
    reason = f"{found.reason[:-1]}: too regular for what is usual there ({noise})."
    return replace(found, reason=reason, confidence=min(found.confidence, 0.9))


def _is_exact(series: Series, load: Load) -> bool:
    """Did it grow by one whole number in each cycle, as far as the two windows tell?"""
    if load.cycles is None or load.window_cycles is None or series.window is None:
        return False
    each, rest = divmod(series.growth, load.cycles)
    first = series.window - (series.baseline or 0)
    return rest == 0 and each > 0 and first == each * load.window_cycles


def _inside(found: Judgement, bound: int, *, is_replaced: bool, has_ladder: bool) -> Judgement:
    """What hangs from entries of a container with that bound."""
    if found.verdict is Verdict.LEAK and is_replaced:
        why = f"its entries replace those of a container that keeps to its bound of {bound}"
        return _at_most_suspect(found, why)
    if found.verdict is Verdict.SUSPECT and not has_ladder:
        reason = f"{found.reason[:-1]}; it hangs from entries of a container bounded at {bound}."
        return Judgement(Verdict.NOT, reason, 0.6)
    return found


def _bounded(series: Series, bound: int | None, is_explicit: bool) -> Judgement | None:
    size = series.final or 0
    if bound is None or series.unit != "entries" or size > bound:
        return None
    if not is_explicit and bound > BOUND_NEAR * max(1, size):
        return None
    state = "full" if size == bound else f"still filling ({size} of {bound})"
    confidence = 0.95 if is_explicit else 0.8
    return Judgement(Verdict.NOT, f"Bounded at {bound}, {state}.", confidence)


def _by_growth(series: Series, load: Load) -> Judgement:
    start, end = series.baseline or 0, series.final or 0
    top = end if series.loaded is None else series.loaded
    growth = end - start
    if growth <= 0:
        return Judgement(Verdict.NOT, "It did not grow.", 0.9)
    if top - end > DRAINED * max(1, top - start):
        reason = f"A backlog: {top - end} {series.unit} went when the load stopped."
        return Judgement(Verdict.SUSPECT, reason, 0.5)
    if load.cycles is None:
        reason = f"It grew by {growth} {series.unit}, and the number of cycles is not known."
        return Judgement(Verdict.SUSPECT, reason, 0.4)
    if load.window_cycles is None or series.loaded is None:
        words = _rate_words(growth, series.unit, load.cycles)
        reason = f"It grew by {words}, seen in one window only."
        return Judgement(Verdict.SUSPECT, reason, 0.5)
    window = series.window
    if window is None:  # it was not there yet: everything came after the window
        window = start
    found = _two_windows(
        series, window - start, top - window, load.window_cycles, load.cycles - load.window_cycles
    )
    return replace(found, is_of_rates=True)


def _with_turnover(found: Judgement, series: Series, load: Load, survivors: int) -> Judgement:
    """A leak keeps at least what it grew by: what was let go of did not leak.

    The smaller rate of the two windows counts: in the first one what comes and goes may still
    have been filling up.  A backlog keeps nothing either, but it grows by the same number in
    each cycle.
    """
    if found.verdict is not Verdict.LEAK or load.cycles is None or series.window is None:
        return found
    first, start = series.window - (series.baseline or 0), series.baseline or 0
    early, rest = load.window_cycles or 0, load.cycles - (load.window_cycles or 0)
    second = ((series.final or 0) - series.window) * early / rest
    if survivors >= KEPT * min(first, second) or series.growth % load.cycles == 0:
        return found
    gone = f"of the {first} {series.unit} it gained in the first window {survivors} are left"
    if series.growth <= FLUCTUATION * start:
        return Judgement(Verdict.NOT, f"Its size moves, but it keeps nothing: {gone}.", 0.7)
    return Judgement(Verdict.SUSPECT, f"{found.reason[:-1]}, but {gone}: it lets go of them.", 0.4)


def _with_ladder(found: Judgement, unit: str, climb: Climb) -> Judgement:
    """What many settled points say overrules what one look inside the load said.

    Every point comes after a settle and a collection: neither a backlog nor garbage is in it.
    """
    x, y = climb.cycles, climb.values
    if len(x) <= LADDER_STEPS:
        return found
    steps = [(b - a) / (d - c) for a, b, c, d in zip(y, y[1:], x, x[1:], strict=False)]
    points = f"{', '.join(map(str, y))} {unit} after {', '.join(map(str, x))} cycles"
    if y[-1] <= y[1] or steps[-1] <= FADED * steps[0]:
        reason = f"Growth ended ({points}). That is a warm-up or a bound kept in code."
        return Judgement(Verdict.NOT, reason, 0.9)
    line = slope(x, y)
    if min(steps) <= 0:
        reason = f"It grew, but let go again in between ({points})."
        return Judgement(Verdict.SUSPECT, reason, 0.4)
    is_steady = max(steps) < STEADY * min(steps) and (line.r2 or 0.0) >= STRAIGHT
    if not is_steady:
        reason = f"It grew in every step, but not at one rate ({points})."
        return Judgement(Verdict.SUSPECT, reason, 0.5)
    exactly = "exactly " if len(set(steps)) == 1 and steps[0] == int(steps[0]) else "about "
    rate = _rate_words(y[-1] - y[0], unit, x[-1] - x[0])
    reason = f"It grew by {exactly}{rate} in each of {len(steps)} steps ({points})."
    if line.rate < SLOWEST and found.verdict is not Verdict.LEAK:
        return Judgement(Verdict.SUSPECT, reason, 0.5)
    return Judgement(Verdict.LEAK, reason, 0.99 if exactly == "exactly " else 0.95)


def _two_windows(series: Series, first: int, second: int, early: int, rest: int) -> Judgement:
    """Judge growth of ``first`` in ``early`` cycles and ``second`` in the ``rest``."""
    rate_1, rate_2 = first / early, second / rest
    # what came when the load was over is none of its cycles'
    cycles, growth = early + rest, min(series.growth, first + second)
    words = _rate_words(growth, series.unit, cycles)
    firsts = f"the first {early} cycles" if early != 1 else "the first cycle"
    split = f"{first} in {firsts}, {second} in the other {rest}"
    if series.growth > growth:
        split += f"; {series.growth - growth:,} more when the load was over"
    if rate_2 <= FADED * rate_1:
        reason = f"Growth ended: {split}. That is a warm-up, a lazy import or a bound kept in code."
        return Judgement(Verdict.NOT, reason, 0.8)
    if rate_1 <= FADED * rate_2 and rate_1 < 0.5:
        reason = f"It grew in one window only: {split}."
        verdict = Verdict.NOT if first <= 0 else Verdict.SUSPECT
        return Judgement(verdict, reason, 0.5)
    unsteady = max(rate_1, rate_2) >= STEADY * min(rate_1, rate_2)
    if unsteady or _slows_down(first, second, early / cycles):
        trend = "slows down" if rate_2 < rate_1 else "speeds up"
        return Judgement(Verdict.SUSPECT, f"It grew by {words}, but {trend}: {split}.", 0.5)
    if growth < SLOWEST * cycles:
        return Judgement(Verdict.SUSPECT, f"It grew by {words}: slowly ({split}).", 0.4)
    multiple = growth % cycles == 0
    exactly = "exactly " if multiple else ""
    reason = f"It grew by {exactly}{words}, at one rate in both windows ({split})."
    return Judgement(Verdict.LEAK, reason, 0.97 if multiple else 0.85)


def _slows_down(first: int, second: int, share: float) -> bool:
    """Is the first window's growth too much for its share of the cycles to be chance?"""
    expected = share * (first + second)
    much = first * (1 - share) > SLOWER * second * share
    return much and first - expected > CHANCE * (expected * (1 - share)) ** 0.5


def _rate_words(growth: int, unit: str, cycles: int) -> str:
    number = short_number(growth / cycles)
    one = {"entries": "entry", "objects": "object", "bytes": "byte", "references": "reference"}
    return f"{number} {one.get(unit, unit) if growth == cycles else unit} per cycle"
