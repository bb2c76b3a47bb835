"""Where objects were made, or what comes nearest to it: lines of code and what they stand for."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from leakhunt.analysis.code_line import CodeLine

_LIBRARY = re.compile(r"/(?:site|dist)-packages/|/lib(?:64)?/python3\.\d+/|^<")
"""Files of the standard library and of installed packages, and code without a file."""
_OURS = re.compile(r"/leakhunt/agent/\w+\.py$")
"""What runs the cycles of a scenario."""


NOT_KNOWN = CodeLine("not known: C code, or from a free list", "", None)
"""Stands for allocations without a stack."""


class SiteBasis(StrEnum):
    """How a site is known."""

    SAMPLED = "sampled"
    """Stacks of a random sample of the allocations; sizes are estimates."""
    EXACT = "exact"
    """Stacks of all allocations, from the target's own tracemalloc."""
    FUNCTION = "function"
    """No stack: the function that the leaked callables run."""
    COROUTINE = "coroutine"
    """No stack: the code of the leaked coroutines or tasks."""
    CLASS = "class"
    """No stack: the class of the leaked objects."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An unbiased estimate and its 95 % interval; all three the same when it is exact."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Site:
    """One place in the code that a leaked population comes from."""

    basis: SiteBasis
    line: CodeLine
    """The innermost line in the user's own code; without one, the innermost of all."""
    callee: CodeLine | None = None
    """The library call right below that line; None when it allocates by itself."""
    type: str | None = None
    """The type whose objects it is known of; None when it may be of any."""
    sample_count: int | None = None
    """None where there is no stack."""
    bytes: Estimate | None = None
    count: Estimate | None = None
    stack: tuple[CodeLine, ...] = ()
    """Innermost frame first."""

    @property
    def has_stack(self) -> bool:
        """Was the allocation itself seen?"""
        return self.basis in (SiteBasis.SAMPLED, SiteBasis.EXACT)


def summed_sites(of_each: Sequence[Sequence[Site]]) -> tuple[Site, ...]:
    """The sites of one leak in several processes as sums, the most bytes first.

    Estimates of different processes are independent, so the halves of their intervals add up in
    squares.  The stack is that of the process with the most bytes.
    """
    groups: dict[tuple[object, ...], list[Site]] = {}
    for sites in of_each:
        for site in sites:
            key = (site.basis, site.line, site.callee, site.type)
            groups.setdefault(key, []).append(site)
    summed = (_summed(group) for group in groups.values())
    return tuple(sorted(summed, key=lambda site: -_value(site.bytes)))


def _summed(group: Sequence[Site]) -> Site:
    largest = max(group, key=lambda site: _value(site.bytes))
    samples = [site.sample_count for site in group if site.sample_count is not None]
    return replace(
        largest,
        sample_count=sum(samples) if samples else None,
        bytes=_sum_of([site.bytes for site in group]),
        count=_sum_of([site.count for site in group]),
    )


def _sum_of(estimates: Sequence[Estimate | None]) -> Estimate | None:
    known = [one for one in estimates if one is not None]
    if not known:
        return None
    value = sum(one.value for one in known)
    below = math.hypot(*(one.value - one.low for one in known))
    above = math.hypot(*(one.high - one.value for one in known))
    return Estimate(value, max(value - below, 0.0), value + above)


def _value(estimate: Estimate | None) -> float:
    return 0.0 if estimate is None else estimate.value


def is_own_code(file: str) -> bool:
    """Is a file the user's own: neither the standard library nor an installed package, nor
    ours?  A relative name is the user's."""
    name = file.replace("\\", "/")
    return not (_LIBRARY.search(name) or _OURS.search(name))


def is_ours(file: str) -> bool:
    """Is a file the one that runs a scenario's cycles?  Its frames are nobody's site."""
    return _OURS.search(file.replace("\\", "/")) is not None


def own_line(stack: Sequence[CodeLine]) -> tuple[CodeLine, CodeLine | None]:
    """The innermost line of the user's own code and the library call below it.

    ``stack``: innermost frame first, at least one.  Without own code, the innermost frame.
    """
    for depth, frame in enumerate(stack):
        if is_own_code(frame.file):
            return frame, stack[depth - 1] if depth else None
    return stack[0], None
