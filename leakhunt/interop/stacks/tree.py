"""Stacks as a tree of calls, which most formats draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.sites import NOT_KNOWN
from leakhunt.report.escape import Output, escape

_NAME_LIMIT = 200
_PLACE_LIMIT = 400


@dataclass(frozen=True, slots=True)
class WeighedStack:
    """A stack and the live memory that its allocations stand for."""

    frames: tuple[CodeLine, ...]
    """Innermost frame first; empty when it is not known."""
    bytes: float
    count: float
    sample_count: int


@dataclass(slots=True)
class Call:
    """A frame called from the one above it.  Numbers are of what it allocates itself."""

    frame: CodeLine | None
    """None: the root."""
    depth: int
    callees: dict[CodeLine, Call] = field(default_factory=dict)
    bytes: float = 0.0
    count: float = 0.0
    total_bytes: float = 0.0
    """With everything below."""


def call_tree(stacks: Iterable[WeighedStack]) -> Call:
    """The root of the tree of calls; siblings in the order of the stacks.  O(frames)."""
    root = Call(None, 0)
    for stack in stacks:
        at = root
        at.total_bytes += stack.bytes
        for frame in reversed(stack.frames or (NOT_KNOWN,)):
            below = at.callees.get(frame)
            if below is None:
                below = at.callees[frame] = Call(frame, at.depth + 1)
            at = below
            at.total_bytes += stack.bytes
        at.bytes += stack.bytes
        at.count += stack.count
    return root


def walk(root: Call) -> Iterator[Call]:
    """Every call, callers before callees, siblings in order.  No recursion: stacks are deep."""
    queue = [root]
    while queue:
        call = queue.pop()
        yield call
        queue += reversed(call.callees.values())


def frame_name(frame: CodeLine | None, output: Output = Output.TERMINAL) -> str:
    """``Session.__init__ (shop/session.py:14)``, safe in ``output``."""
    if frame is None:
        return "all"
    if not frame.file:
        return escape(frame.function, output)
    line = "" if frame.line is None else f":{frame.line}"
    name = escape(frame.function, output, limit=_NAME_LIMIT)
    return f"{name} ({escape(frame.file, output, limit=_PLACE_LIMIT)}{line})"
