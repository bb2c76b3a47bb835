"""Small constants shared by the graph modules."""

from __future__ import annotations

import numpy as np

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.store.columns import U8

NO_TIER = 255
"""Tier of an unreachable node."""


def skip_all_but(*kinds: EdgeKind) -> U8:
    """Edge-kind table for the kernels that lets only these kinds pass."""
    table = np.ones(256, np.uint8)
    table[[int(kind) for kind in kinds]] = 0
    return table


def _skip_weak() -> U8:
    table = np.zeros(256, np.uint8)
    table[int(EdgeKind.WEAK)] = 1
    return table


SKIP_WEAK = _skip_weak()
"""Edge-kind table of the strong edges."""
