"""Findings about growth that hangs from no holder: garbage, native holds, unreached blocks."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from leakhunt.analysis.diff import RAW_BLOCK
from leakhunt.analysis.loose import Loose
from leakhunt.analysis.paths import Path
from leakhunt.analysis.shares import is_own_type
from leakhunt.detectors import known
from leakhunt.detectors.advice import advise_loose
from leakhunt.detectors.base import Category, Finding, HolderInfo, LeakedType, PathStep, Verdict
from leakhunt.detectors.evidence import cycle_lines
from leakhunt.detectors.verdict import Judgement, Load, judge
from leakhunt.detectors.wording import fingerprint, growth_words, noun

_GARBAGE, _NATIVE = "<garbage>", "<native>"
_HOLDER_WORDS = {
    "garbage": "awaiting the collector",
    "native hold": "held by C code only",
    "references": "references to it counted and found nowhere",
    "unreached": "reached from nowhere: lost by C code, or its own memory",
}
_ATOMS = frozenset({"builtins.str", "builtins.int", "builtins.float", "builtins.bytes"})
_NOTED = 3
_SUSPICIOUS_GARBAGE = 1_000_000
"""Bytes of garbage above which an enabled collector is called lazy."""


def loose_finding(
    loose: Loose,
    load: Load,
    leaked_counts: Collection[int],
    thread_counts: Collection[int] = (),
    extension_counts: Collection[int] = (),
) -> Finding | None:
    """The finding, or None when there is nothing to say.

    ``leaked_counts``: how many of each type the holders leaked.  As many objects of the
    language's own, kept by C code, are part of those: a field that no walk can see.
    ``thread_counts``: how many threads leaked; each keeps on its C stack what no walk finds.
    ``extension_counts``: how many objects of C types of extensions leaked.  A text or a number
    in a typed field of such an object (``cdef str path``) is on no walk: it leaks with the object.
    """
    if loose.explained is not None:
        return None
    is_part = not is_own_type(loose.main_type) and loose.series.growth in leaked_counts
    if is_part and loose.what in ("native hold", "references"):
        return None
    if loose.what == "unreached" and loose.series.growth in thread_counts:
        return None
    is_in_field = loose.main_type in _ATOMS and loose.series.growth in extension_counts
    if loose.what == "unreached" and is_in_field:
        return None
    judgement = _judge_garbage(loose, load) if loose.what == "garbage" else _judge(loose, load)
    if judgement.verdict is Verdict.NOT and loose.what != "garbage":
        return None
    category = _category(loose)
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
    return Finding(
        rank=0,
        fingerprint=fingerprint(category, str(path), loose.main_type),
        category=category,
        verdict=judgement.verdict,
        reason=judgement.reason,
        confidence=judgement.confidence,
        title=f"{noun(category, judgement.verdict)}: {words}, {_HOLDER_WORDS[loose.what]}.",
        holder=HolderInfo(str(path), loose.main_type, series.baseline, series.loaded, series.final),
        leaked=tuple(LeakedType(s.type, s.count, s.bytes) for s in loose.shares),
        count_per_cycle=None if load.cycles is None else count / load.cycles,
        bytes_per_cycle=None if load.cycles is None else gained / load.cycles,
        retained_bytes=None if loose.what == "references" else gained,
        exclusive_bytes=None,
        retaining_path=tuple(PathStep(t, k, n) for t, k, n in ring.described()),
        evidence=_evidence(loose),
        advice=advise_loose(category, loose.main_type),
        node_ids=loose.node_ids,
    )


def _category(loose: Loose) -> Category:
    if loose.what == "garbage":
        return Category.CYCLE
    is_callable = loose.what == "native hold" and loose.main_type in known.CALLABLES
    return Category.CLOSURE if is_callable else Category.NATIVE


def _unit(loose: Loose, count: int, cycles: int | None) -> str:
    if loose.what != "references":
        return loose.main_type
    return f"reference{'s' * (count != (cycles or 1))} to `{loose.main_type}`"


def explained_growth(found: Sequence[Loose], load: Load) -> tuple[str, ...]:
    """Notes on references that grow and cost nothing: facts, no findings."""
    by_reason: dict[str, list[Loose]] = {}
    for loose in found:
        if loose.explained is not None and judge(loose.series, load).verdict is not Verdict.NOT:
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
