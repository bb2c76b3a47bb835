"""Where objects were made, or what comes nearest to it: lines of code and what they stand for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
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
