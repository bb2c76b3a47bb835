"""Streams: files, sockets, sessions and connections that nobody closes."""

from __future__ import annotations

from leakhunt.agent.format import Fact
from leakhunt.analysis.truth import is_true
from leakhunt.detectors import known
from leakhunt.detectors.base import Category
from leakhunt.detectors.calls import close_call
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.suspect import MOST, Suspect
from leakhunt.graph.heap_graph import HeapGraph

_ENDED_FLAGS = ("closed", "_closed", "is_closed", "_content_consumed")


def examine(s: Suspect) -> Claim | None:
    """Each entry is or keeps a stream, and most of those are open."""
    if not s.has_each(known.STREAM_TYPES):
        return None
    below = [stream for node in s.objects if (stream := _stream_of(s, node)) is not None]
    closed = sum(is_closed(s.graph, node) for node in below)
    if below and closed > MOST * len(below):
        return None
    return Claim(Category.STREAM, _advice(s), _evidence(s, below))


def _stream_of(s: Suspect, node: int) -> int | None:
    """The stream that an entry is, or keeps itself."""
    graph = s.graph
    if graph.type_name(node) in known.STREAM_TYPES:
        return node
    kept = (graph.target(edge) for edge in s.inner_edges(node))
    return next((n for n in kept if graph.type_name(n) in known.STREAM_TYPES), None)


def is_closed(graph: HeapGraph, node: int) -> bool:
    """Do its facts, or a flag among its attributes, say that a stream is closed or read to its
    end?  O(log n + degree)."""
    if graph.fact(node, Fact.CLOSED) == 1 or graph.fact(node, Fact.FD) == -1:
        return True
    flags = (graph.attribute(node, name) for name in _ENDED_FLAGS)
    return any(flag is not None and is_true(graph, flag) for flag in flags)


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
