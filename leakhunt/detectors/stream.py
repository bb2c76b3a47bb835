"""Streams: files, sockets, sessions and connections that nobody closes."""

from __future__ import annotations

from leakhunt.agent.format import Fact
from leakhunt.detectors import known
from leakhunt.detectors.base import Category
from leakhunt.detectors.calls import close_call
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.suspect import MOST, Suspect
from leakhunt.graph.heap_graph import HeapGraph


def examine(s: Suspect) -> Claim | None:
    """Each entry is or keeps a stream, and most of those are open."""
    if not s.has_each(known.STREAM_TYPES):
        return None
    below = [n for n in s.objects if s.graph.type_name(n) in known.STREAM_TYPES]
    closed = sum(is_closed(s.graph, node) for node in below)
    if below and closed > MOST * len(below):
        return None
    return Claim(Category.STREAM, _advice(s), _evidence(s, below))


def is_closed(graph: HeapGraph, node: int) -> bool:
    """Do its facts say that a stream is closed?  O(log n)."""
    return graph.fact(node, Fact.CLOSED) == 1 or graph.fact(node, Fact.FD) == -1


def _evidence(s: Suspect, below: list[int]) -> tuple[str, ...]:
    known_state = [n for n in below if s.graph.fact(n, Fact.CLOSED) is not None]
    still_open = sum(not is_closed(s.graph, node) for node in known_state)
    if not known_state:
        return ()
    return (f"{still_open:,} of {len(known_state):,} looked at are open",)


def _advice(s: Suspect) -> str:
    name = s.holder.main_type
    call = close_call(s)
    if call is None:
        inner = next((t.type for t in s.holder.shares if t.type in known.STREAM_TYPES), None)
        if inner is not None and inner != name:
            return (
                f"Close the `{inner}` in each `{name}` of `{s.path}` when done: `with`, or "
                "`.close()` in a finally."
            )
        call = "close()"
    if call.startswith("await "):
        return (
            f"Close each `{name}` in `{s.path}` when done: `async with`, or `{call}` in a finally."
        )
    return f"Close each `{name}` in `{s.path}` when done: `with`, or `.{call}` in a finally."
