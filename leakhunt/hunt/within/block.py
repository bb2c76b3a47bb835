"""A block that runs once: what was made in it and is still there when it is over.

There is no second look and no rate.  Births are watched while the block runs, so that one
snapshot at its end, and only if something stayed, is baseline and final in one.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TypeAlias

from leakhunt.detectors.base import Category, Finding, Verdict
from leakhunt.errors import TargetError
from leakhunt.hunt.within.examine import SETTLE_S, Step, Wishes, running_beside, settle
from leakhunt.hunt.within.newborn import Watch, collect_all, guard
from leakhunt.hunt.within.snapshots import Snapshots, describe_self
from leakhunt.report.model import Report

_HINTS = (
    # A part of what the agent says, and what to do.
    (
        "running already",
        (
            "only one can watch at a time: another no_leaks block that is open (put one after the "
            "other, or keep the outer one), a marked test or check() around this block, or a "
            "leakhunt that hunts this process from outside"
        ),
    ),
    ("no memory", "the map of births takes a bit for 16 bytes of the heap: raise the memory limit"),
    (
        "displaced",
        "another tool changes the memory allocators again and again: run the test without it",
    ),
    (
        "self-test failed",
        "leakhunt was compiled for another interpreter: install it anew for this one",
    ),
)
_ANY_HINT = "repeat the work instead: leakhunt.testing.check(function, cycles=50)"
_RUNNING = ("thread ", "_asyncio.<unknown>")
"""Where variables of running functions hang: threads, and on 3.12 the table of running tasks."""
_STAYED = "It was made in the block and is still there after it."

Block: TypeAlias = Generator[Step, None, Report | None]


def examine_block(settle_s: float = SETTLE_S) -> Block:
    """The first step is the block itself (one cycle), others let time pass.

    The value is None when nothing stayed.  Findings of what a running function holds in its
    variables are no leaks (NOT): the function is not over.

    Raises TargetError when births cannot be watched (its hint says why and what to do): what is
    older could not be told from what the block made.
    """
    watch = Watch()
    with Snapshots() as taken:
        with guard():
            beside = running_beside()
            taken.watch()
            if not taken.has_births:
                why = taken.notes[-1]
                raise TargetError(f"the block cannot be watched: {why}", hint=_hint(why))
            watch.begin()
            yield Step(1)
            growth = watch.growth()
            if growth.objects > 0 or growth.blocks > 0:
                yield from settle(watch.growth, Wishes(settle_s=settle_s), beside)
                growth = watch.growth()
        if growth.objects <= 0 and growth.blocks <= 0:
            return None
        return _report(taken)


def _hint(why: str) -> str:
    return next((hint for part, hint in _HINTS if part in why), _ANY_HINT)


def _report(taken: Snapshots) -> Report:
    collect_all()
    taken.capture("final")
    taken.unwatch()
    # Not before: what is imported would be born in the block.
    from leakhunt.graph.before import before_births
    from leakhunt.hunt.assemble import assemble, open_all, user_rules

    files = taken.path_by_label
    baseline, final = before_births(open_all(files)["final"])
    report = assemble(
        columns={"baseline": baseline, "final": final},
        files={"baseline": files["final"], "final": files["final"]},
        cycles=None,
        window_cycles=None,
        target=describe_self(),
        saved=False,
        rules=user_rules(())(),
        least=1,
    )
    return replace(
        report,
        growth=(),
        findings=tuple(_judged(one) for one in report.findings),
        notes=(*report.notes, *taken.notes),
    )


def _judged(finding: Finding) -> Finding:
    """A block is judged by its contract: nothing may stay."""
    if finding.holder.path.startswith(_RUNNING):
        reason = "A function that still runs holds it in a variable."
        return replace(finding, verdict=Verdict.NOT, reason=reason)
    if finding.category is Category.NATIVE:
        reason = "What C code keeps of one run, no single run can tell."
        return replace(finding, verdict=Verdict.NOT, reason=reason)
    if finding.verdict is Verdict.NOT or finding.noise is not None:
        return finding
    return replace(finding, reason=_STAYED)
