"""What each of several leaks is answerable for, when they hold objects together.

After J. Vilk and E. D. Berger, "BLeak: automatically debugging memory leaks in web
applications", PLDI 2018 (LeakShare): what would be freed if every leak let go is shared out; an
object that several leaks reach counts for each of them in equal parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.cuts import Cuts
from leakhunt.graph.subgraph import subgraph

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Leak:
    """References that should not be there: from some objects to others."""

    sources: Ints
    direct: Ints
    """What they hold."""


def leak_shares(cuts: Cuts, leaks: Sequence[Leak]) -> list[float]:
    """Bytes each leak is answerable for; together, what is freed when all let go.

    O(edges to and from what hangs below the leaks), and O(what is freed and its edges) for each
    leak.
    """
    if not leaks:
        return []
    graph = cuts.graph
    edges = [cuts.references(leak.sources, leak.direct) for leak in leaks]
    part = subgraph(graph, cuts.without(np.concatenate(edges)))
    reached = [part.reached(np.intersect1d(leak.direct, part.nodes)) for leak in leaks]
    holders = np.sum(reached, axis=0)
    size = graph.columns.node_size[part.nodes].astype(np.float64)
    share = np.divide(size, holders, out=np.zeros_like(size), where=holders > 0)
    return [float(share[mask].sum()) for mask in reached]
