"""Findings about growth that hangs from no holder: garbage, native holds, unreached blocks."""

from __future__ import annotations

from collections.abc import Sequence

from leakhunt.analysis.diff import RAW_BLOCK
from leakhunt.analysis.loose import Loose
from leakhunt.analysis.paths import Path
from leakhunt.analysis.sites import Site
from leakhunt.detectors import known
from leakhunt.detectors.advice import advise_loose
from leakhunt.detectors.alongside import Alongside
from leakhunt.detectors.base import Category, Finding, HolderInfo, LeakedType, PathStep, Verdict
from leakhunt.detectors.evidence import cycle_lines
from leakhunt.detectors.verdict import Judgement, Load, judge
from leakhunt.detectors.wording import fingerprint, growth_words, noun, with_site

_GARBAGE, _NATIVE = "<garbage>", "<native>"
_HOLDER_WORDS = {
    "garbage": "awaiting the collector",
    "native hold": "held by C code only",
    "references": "references to it counted and found nowhere",
    "unreached": "reached from nowhere: lost by C code, or its own memory",
}
_ATOMS = frozenset({"builtins.str", "builtins.int", "builtins.float", "builtins.bytes"})
_NOTED = 3
_ON_STACKS = 5
_SUSPICIOUS_GARBAGE = 1_000_000
"""Bytes of garbage above which an enabled collector is called lazy."""


def loose_finding(
    loose: Loose,
    load: Load,
    alongside: Alongside,
    sites: tuple[Site, ...] = (),
) -> Finding | None:
    """The finding, or None when there is nothing to say.

    ``alongside``: what the holders leaked, which may explain this.  ``sites``: where it was made.
    """
    if loose.explained is not None or alongside.explains(loose):
        return None
    judgement = _judge_garbage(loose, load) if loose.what == "garbage" else _judge(loose, load)
    if judgement.verdict is Verdict.LEAK and (holder := alongside.may_hold(loose)):
        judgement = _perhaps_held(holder)
    if judgement.verdict is Verdict.NOT and loose.what != "garbage":
        return None
    category = _category(loose, alongside)
    start = _GARBAGE if loose.what == "garbage" else _NATIVE
    path = loose.path or Path(start, loose.main_type, ())
    ring = Path(start, loose.cycles[0].types[0], loose.cycles[0].steps) if loose.cycles else path
    series = loose.series
    count = series.growth
    if loose.what == "garbage" or (loose.path is not None and loose.what == "native hold"):
        count = sum(share.count for share in loose.shares if share.type == loose.main_type)
    size = sum(share.bytes for share in loose.shares)
    gained = size if loose.what != "references" else 0
    words = growth_words(_unit(loose, count, load.cycles), count, gained, load.cycles)
    title = f"{noun(category, judgement.verdict)}: {words}, {_HOLDER_WORDS[loose.what]}."
    return Finding(
        rank=0,
        fingerprint=fingerprint(category, str(path), loose.main_type),
        category=category,
        verdict=judgement.verdict,
        reason=judgement.reason,
        confidence=judgement.confidence,
        title=with_site(title, sites) if judgement.verdict is not Verdict.NOT else title,
        holder=HolderInfo(str(path), loose.main_type, series.baseline, series.loaded, series.final),
        leaked=tuple(LeakedType(s.type, s.count, s.bytes) for s in loose.shares),
        count_per_cycle=None if load.cycles is None else count / load.cycles,
        bytes_per_cycle=None if load.cycles is None else gained / load.cycles,
        retained_bytes=None if loose.what == "references" else gained,
        exclusive_bytes=None,
        retaining_path=tuple(PathStep(t, k, n) for t, k, n in ring.described()),
        sites=sites,
        evidence=_evidence(loose),
        advice=advise_loose(category, loose.main_type),
        node_ids=loose.node_ids if loose.stage == "final" else (),
    )


def _category(loose: Loose, alongside: Alongside) -> Category:
    if loose.what == "garbage":
        return Category.CYCLE
    is_callable = loose.what == "native hold" and loose.main_type in known.CALLABLES
    return Category.CLOSURE if is_callable and not alongside.loops(loose) else Category.NATIVE


def _unit(loose: Loose, count: int, cycles: int | None) -> str:
    if loose.what != "references":
        return loose.main_type
    return f"reference{'s' * (count != (cycles or 1))} to `{loose.main_type}`"


def explained_growth(found: Sequence[Loose], load: Load) -> tuple[str, ...]:
    """Notes on references that grow and cost nothing: facts, no findings."""
    by_reason: dict[str, list[Loose]] = {}
    for loose in found:
        is_reference = loose.what == "references"
        if is_reference and loose.explained is not None and _has_grown(loose, load):
            by_reason.setdefault(loose.explained, []).append(loose)
    notes = []
    for reason, several in by_reason.items():
        several.sort(key=lambda loose: -loose.series.growth)
        names = list(dict.fromkeys(f"`{loose.named}`" for loose in several))
        named = ", ".join(names[:_NOTED])
        more = f" and {len(names) - _NOTED} more" if len(names) > _NOTED else ""
        notes.append(
            f"References to {named}{more}, counted and found nowhere, grew by "
            f"{sum(loose.series.growth for loose in several):,}; they cost no memory: {reason}."
        )
    return tuple(notes)


def table_notes(found: Sequence[Loose], load: Load) -> tuple[str, ...]:
    """A note on short texts that tables in C keep up to a bound."""
    return tuple(
        f"Short texts (`{loose.main_type}`) that no walk reaches grew by "
        f"{loose.series.growth:,}: {loose.explained}. Texts that C code loses go on past that "
        "number: hunt with more cycles to tell them apart."
        for loose in found
        if loose.what == "unreached" and loose.explained is not None and _has_grown(loose, load)
    )


def _has_grown(loose: Loose, load: Load) -> bool:
    return judge(loose.series, load).verdict is not Verdict.NOT


def stack_notes(found: Sequence[Loose], load: Load, alongside: Alongside) -> tuple[str, ...]:
    """A note on what the stacks of leaked greenlets keep, largest first."""
    kept = [
        loose
        for loose in found
        if loose.what in ("native hold", "unreached")
        and alongside.is_on_stacks(loose)
        and _has_grown(loose, load)
    ]
    if not kept:
        return ()
    names = list(dict.fromkeys(f"`{loose.main_type}`" for loose in kept))
    more = f" and {len(names) - _ON_STACKS} more types" if len(names) > _ON_STACKS else ""
    note = (
        f"The stacks of {alongside.greenlets:,} suspended greenlets keep what no walk can "
        f"follow, and no size counts: {', '.join(names[:_ON_STACKS])}{more}."
    )
    return (note,)


def _judge(loose: Loose, load: Load) -> Judgement:
    found = judge(loose.series, load)
    cycles = load.cycles
    if found.verdict is Verdict.NOT or cycles is None:
        return found
    # Buffers and caches of libraries have no header of an object: a steady rate is no proof.
    # What happens once a cycle happens in each: a loss at any other rate may be a cache.
    is_regular = loose.series.growth % cycles == 0
    if not is_regular and loose.main_type in _ATOMS:
        return Judgement(Verdict.NOT, found.reason, 0.5)
    if found.verdict is not Verdict.LEAK:
        return found
    if loose.main_type == RAW_BLOCK or not is_regular:
        reason = f"{found.reason[:-1]}; C code may have its reasons."
        return Judgement(Verdict.SUSPECT, reason, 0.4)
    return found


def _perhaps_held(type_name: str) -> Judgement:
    reason = f"`{type_name}` leaks beside it, does not say what it refers to, and may hold it."
    return Judgement(Verdict.SUSPECT, reason, 0.4)


def _judge_garbage(loose: Loose, load: Load) -> Judgement:
    count = loose.series.loaded or 0
    size = sum(share.bytes for share in loose.shares)
    if loose.collector_is_off:
        if load.cycles is not None and count >= 0.5 * load.cycles:
            reason = f"The collector is off: {count} objects in reference cycles were not freed."
            return Judgement(Verdict.LEAK, reason, 0.9)
        return Judgement(Verdict.SUSPECT, "The collector is off.", 0.6)
    reason = f"{count} objects waited for the collector when the load ended; it freed them."
    if size >= _SUSPICIOUS_GARBAGE:
        return Judgement(Verdict.SUSPECT, reason, 0.4)
    return Judgement(Verdict.NOT, reason, 0.8)


def _evidence(loose: Loose) -> tuple[str, ...]:
    lines = [f"{s.count:,} `{s.type}`, {s.bytes:,} bytes" for s in loose.shares[:5]]
    lines += cycle_lines(loose.cycles)
    return tuple(lines)
