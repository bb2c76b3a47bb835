"""Bounds of containers, as far as a snapshot shows them."""

from __future__ import annotations

from leakhunt.agent.format import Fact
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE

_LEVELS_TO_OWNER = 3
"""The container, its instance dict, its owner."""
_LEVELS_TO_CONTAINER = 3
"""Objects between the growing thing and the bounded container: a link, a box, its dict."""


_KEEPS_ITS_BOUND = frozenset(
    {
        "logging.handlers.MemoryHandler",
        "logging.handlers.BufferingHandler",
        "queue.Queue",
        "queue.LifoQueue",
        "queue.PriorityQueue",
        "asyncio.queues.Queue",
        "asyncio.queues.LifoQueue",
        "asyncio.queues.PriorityQueue",
        "cachetools.LRUCache",
        "cachetools.LFUCache",
        "cachetools.FIFOCache",
        "cachetools.RRCache",
        "cachetools.TTLCache",
        "jinja2.utils.LRUCache",
        "async_lru._LRUCacheWrapper",
        "sqlalchemy.util._collections.LRUCache",
    }
)
"""Classes (not subclasses, which may do otherwise) whose bound by name is as good as their own."""

_FILLS_UP_TO = {"sqlalchemy.util._collections.LRUCache": 1.5}
"""Multiple of the bound by name above which a class lets go of entries, where that is not 1:
SQLAlchemy's ``capacity`` is what is left then, and a ``threshold`` (0.5) of it comes on top."""


def bound_of(graph: HeapGraph, node: int) -> tuple[int | None, bool]:
    """Bound of a container and whether it is the container's own, not one found by name.
    O(log facts)."""
    own = graph.fact(node, Fact.MAXSIZE)
    if own is not None and own >= 0:
        return own, True
    for _ in range(_LEVELS_TO_OWNER):
        bound = graph.fact(node, Fact.BOUND)
        if bound is not None and bound > 0:
            owner = graph.type_name(node)
            return int(bound * _FILLS_UP_TO.get(owner, 1)), owner in _KEEPS_ITS_BOUND
        node = int(graph.tree.parent[node])
        if node == NO_NODE or graph.is_root(node):
            break
    return None, False


def inside_bound(graph: HeapGraph, node: int) -> tuple[int | None, bool]:
    """Bound of the container among whose entries a node is, and whether it is the container's
    own; None when none is in sight or it does not keep to it.  O(log facts)."""
    node = int(graph.tree.parent[node])
    for _ in range(_LEVELS_TO_CONTAINER):
        if node == NO_NODE or graph.is_root(node):
            break
        bound, is_explicit = bound_of(graph, node)
        entries = graph.entries(node)
        if bound is not None and entries is not None and 0 < entries <= bound:
            return bound, is_explicit
        node = int(graph.tree.parent[node])
    return None, False
