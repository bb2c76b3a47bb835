"""Allocation stacks as a tree of calls: what flame graphs and profiles draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.sites import NOT_KNOWN


@dataclass(frozen=True, slots=True)
class WeighedStack:
    """A stack and the live memory that its allocations stand for."""

    frames: tuple[CodeLine, ...]
    """Innermost frame first; empty when it is not known."""
    bytes: float
    count: float
    sample_count: int
    bytes_by_label: Mapping[str, float] = field(default_factory=dict)
    """Live bytes by label of the snapshot, where several are told of."""


@dataclass(slots=True)
class Call:
    """A frame called from the one above it."""

    frame: CodeLine | None
    """None: the root."""
    depth: int
    callees: dict[CodeLine, Call] = field(default_factory=dict)
    """The most bytes first."""
    bytes: float = 0.0
    """What it allocates itself."""
    count: float = 0.0
    """Blocks that it allocates itself."""
    total_bytes: float = 0.0
    """With everything below."""
    bytes_by_label: dict[str, float] = field(default_factory=dict)
    """The same by label of the snapshot, where several are told of."""


def call_tree(stacks: Iterable[WeighedStack]) -> Call:
    """The root of the tree of calls.  O(frames)."""
    root = Call(None, 0)
    for stack in stacks:
        at = root
        _add(at, stack)
        for frame in reversed(stack.frames or (NOT_KNOWN,)):
            below = at.callees.get(frame)
            if below is None:
                below = at.callees[frame] = Call(frame, at.depth + 1)
            at = below
            _add(at, stack)
        at.bytes += stack.bytes
        at.count += stack.count
    for call in walk(root):
        call.callees = dict(sorted(call.callees.items(), key=lambda item: -item[1].total_bytes))
    return root


def walk(root: Call) -> Iterator[Call]:
    """Every call, callers before callees, siblings in order.  No recursion: stacks are deep."""
    queue = [root]
    while queue:
        call = queue.pop()
        yield call
        queue += reversed(call.callees.values())


def _add(call: Call, stack: WeighedStack) -> None:
    call.total_bytes += stack.bytes
    for label, size in stack.bytes_by_label.items():
        call.bytes_by_label[label] = call.bytes_by_label.get(label, 0.0) + size
