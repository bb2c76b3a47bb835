"""Does a holder keep what it was given?  What lets go of its old entries may well be bounded.

Sizes alone are blind to this: a batch that is emptied every fifty cycles, looked at three
times, can stand a little higher each time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.comparison import EPOCH_FIRST, Comparison
from leakhunt.analysis.places import Place, Series, locate
from leakhunt.graph.heap_graph import HeapGraph

SLOT_GROWS = 1.5
"""An entry that is this many times as heavy as at the window grows itself."""
_ENTRIES = (EdgeKind.INDEX, EdgeKind.VALUE, EdgeKind.KEY, EdgeKind.ELEMENT)

Ints = npt.NDArray[np.int64]


def survivors(comparison: Comparison, direct: Ints, series: Series) -> int | None:
    """Entries (or objects) born before the window that are still there; None when that is not
    known.

    Counted by the newborn nodes right below (or all below): most of the growth must consist
    of them.  O(direct), for objects O(edges below them).
    """
    if comparison.window_cycles is None or not len(direct):
        return None
    if series.unit == "objects":
        below = comparison.final.below(direct)
        epoch = comparison.epoch[below[comparison.is_leaked[below]]]
        return int((epoch == EPOCH_FIRST).sum()) if 2 * len(epoch) >= series.growth else None
    if series.unit != "entries":
        return None
    graph = comparison.final
    kinds = graph.columns.edge_kind[graph.tree.parent_edge[direct]]
    epoch = comparison.epoch[direct]
    of_kind = [kinds == kind for kind in _ENTRIES]
    if 2 * max(int(mask.sum()) for mask in of_kind) < series.growth:
        return None
    return max(int((epoch[mask] == EPOCH_FIRST).sum()) for mask in of_kind)


def slots(comparison: Comparison, place: Place, series: Series, sizes: Series) -> int | None:
    """Entries of a container that has as many as before and only fills or replaces them.

    None when it has more, when its entries grow themselves, or when nobody looked inside the
    load.  O(degree).
    """
    window = comparison.stage("window")
    if series.unit != "objects" or not sizes.final or sizes.growth != 0 or window is None:
        return None
    node = locate(comparison, window, place)
    if node is None or node >= window.graph.columns.heap_count:
        return None
    before = _heaviest(window.graph, node)
    after = _heaviest(comparison.final, place.node)
    return sizes.final if before and after <= SLOT_GROWS * before else None


def _heaviest(graph: HeapGraph, node: int) -> int:
    """Objects below the heaviest entry."""
    span = graph.edges(node)
    ids = np.arange(span.start, span.stop)
    targets = graph.columns.edge_target[ids]
    own = (graph.tree.parent[targets] == node) & (graph.tree.parent_edge[targets] == ids)
    own &= np.isin(graph.columns.edge_kind[ids], _ENTRIES)
    weights = graph.subtree_count[targets[own]]
    return int(weights.max()) if len(weights) else 0
