"""Weighed stacks as bytes of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from leakhunt.analysis.call_tree import WeighedStack
from leakhunt.interop.stacks.flamegraph import to_flamegraph
from leakhunt.interop.stacks.folded import to_folded
from leakhunt.interop.stacks.heapprofile import to_heapprofile
from leakhunt.interop.stacks.speedscope import to_speedscope

STACK_FORMATS: Final = ("folded", "speedscope", "heapprofile", "flamegraph")


def stacks_to_bytes(
    stacks: Sequence[WeighedStack], file_format: str, *, name: str, exporter: str
) -> bytes:
    """The stacks in one of STACK_FORMATS.  ``name``: of what was sampled.  O(frames)."""
    match file_format:
        case "folded":
            return to_folded(stacks)
        case "speedscope":
            return to_speedscope(stacks, name, exporter)
        case "heapprofile":
            return to_heapprofile(stacks)
        case "flamegraph":
            return to_flamegraph(stacks, name)
    raise ValueError(f"no such format: {file_format}")
