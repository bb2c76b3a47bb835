"""Does a reference keep its target alive?  With the reason, for people who walk from object
to object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.roots import Tier
from leakhunt.graph.tables import SKIP_WEAK
from leakhunt.store.columns import NO_NODE, U8

_STEPS = 2_000_000
"""Steps up the dominator tree for one question, some 50 ms of them."""


@dataclass(frozen=True, slots=True)
class Retaining:
    """Whether a reference retains its target."""

    answer: bool | None
    """None when it cannot be known."""
    reason: str


_WEAK = Retaining(False, "a weak reference never retains")
_GARBAGE = Retaining(False, "nothing reaches it: it is garbage itself")
_ITSELF = Retaining(False, "it refers to itself")
_BEHIND = Retaining(False, "it is only reached through this object")
_DEEP = Retaining(None, "too deep to tell whether it is only reached through this object")
_NATIVE = Retaining(None, "only references held by C code keep it: until when is not known")
_YES = Retaining(True, "a root reaches it without this object")

_IS_BELOW = {0: False, 1: True}
"""What the kernel answers; it may also run out of steps."""


def retaining(
    graph: HeapGraph, node: int, sources: npt.NDArray[np.integer], kinds: U8
) -> list[Retaining]:
    """For references to a node from ``sources``, of these edge kinds: do they retain it?

    Yes when a GC root reaches the source by a way that does not lead through the node.  O(depth
    of the dominator tree) each, bounded for all of them together.
    """
    idom, tier = graph.dominators, graph.tree.tier
    found = _below(graph, node, sources)
    out = []
    for source, kind, below in zip(sources.tolist(), kinds.tolist(), found, strict=True):
        if SKIP_WEAK[kind]:
            out.append(_WEAK)
        elif int(idom[source]) == NO_NODE:
            out.append(_GARBAGE)
        elif source == node:
            out.append(_ITSELF)
        elif below is None:
            out.append(_DEEP)
        elif below:
            out.append(_BEHIND)
        else:
            out.append(_NATIVE if int(tier[source]) == Tier.NATIVE else _YES)
    return out


def _below(graph: HeapGraph, node: int, sources: npt.NDArray[np.integer]) -> list[bool | None]:
    """Is each source dominated by the node?"""
    # A dominator is nearer to the roots than what it dominates.
    farther = np.flatnonzero(graph.distance[sources] > graph.distance[node])
    out = np.zeros(len(sources), np.uint8)
    below = np.zeros(len(farther), np.uint8)
    start = sources[farther].astype(np.uint32)
    _kernels.below(graph.dominators, start, node, _STEPS, below)
    out[farther] = below
    return [_IS_BELOW.get(state) for state in out.tolist()]
