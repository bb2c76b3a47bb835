"""Folded stacks: ``caller;callee;allocator 4096``, one a line, sizes in bytes.

The format that Brendan Gregg's flamegraph.pl reads, and after it inferno, speedscope and others.
"""

from __future__ import annotations

from collections.abc import Sequence

from leakhunt.analysis.call_tree import WeighedStack
from leakhunt.analysis.sites import NOT_KNOWN
from leakhunt.interop.stacks.frame_name import frame_name
from leakhunt.report.escape import Output


def to_folded(stacks: Sequence[WeighedStack]) -> bytes:
    """UTF-8 text; each stack once.  O(frames)."""
    size_by_line: dict[str, float] = {}
    for stack in stacks:
        names = [frame_name(frame, Output.FOLDED) for frame in reversed(stack.frames)]
        line = ";".join(names) or frame_name(NOT_KNOWN, Output.FOLDED)
        size_by_line[line] = size_by_line.get(line, 0.0) + stack.bytes
    lines = [f"{line} {round(size)}\n" for line, size in size_by_line.items() if round(size)]
    return "".join(lines).encode("utf-8")
