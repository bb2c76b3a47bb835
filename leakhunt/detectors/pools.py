"""Thread pools that start threads until they have as many as they may."""

from __future__ import annotations

import numpy as np

from leakhunt.agent.format import Fact
from leakhunt.detectors import known
from leakhunt.detectors.suspect import Suspect

_POOL = "concurrent.futures.thread.ThreadPoolExecutor"
_FEW = 3
"""Pools: more of them, each with some threads, are made for a piece of work and left behind."""
_NEARLY_ALL = 0.8


def filling_pools(s: Suspect) -> str | None:
    """Why threads gather and will not go on to: nearly all are workers of a few pools, which
    have a bound.  None for anything else.  O(nodes) vectorised, and the workers of the pools."""
    if not s.mostly(known.THREAD_TYPES):
        return None
    threads = set(s.objects)
    pools = [(workers, bound) for workers, bound in _pools(s) if workers & threads]
    if not 0 < len(pools) <= _FEW:
        return None
    of_pools = threads & set[int]().union(*(workers for workers, _ in pools))
    if len(of_pools) < _NEARLY_ALL * len(threads):
        return None
    sizes = ", ".join(f"{len(workers)} of {bound}" for workers, bound in pools)
    return f"they are workers of a pool that is bounded ({sizes})"


def _pools(s: Suspect) -> list[tuple[set[int], int]]:
    """Workers and bound of each pool."""
    graph, found = s.graph, list[tuple[set[int], int]]()
    c = graph.columns
    kinds = [index for index in range(c.type_count) if _POOL in s.scene.classes.names_of(index)]
    for node in np.flatnonzero(np.isin(c.node_type[: c.heap_count], kinds)).tolist():
        workers, bound = graph.attribute(node, "_threads"), graph.fact(node, Fact.BOUND)
        if workers is not None and bound is not None:
            found.append(({graph.target(edge) for edge in graph.edges(workers)}, bound))
    return found
