"""Walks up a tree against their slow, obvious twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.graph import _kernels
from leakhunt.store.columns import NO_NODE


@st.composite
def parents(draw: st.DrawFn) -> list[int]:
    """A forest: each node's parent comes before it, or is none (beyond all nodes)."""
    count = draw(st.integers(1, 12))
    return [draw(st.sampled_from([*range(v), count, NO_NODE])) for v in range(count)]


def climbed(parent: list[int], node: int) -> list[int]:
    way = []
    while node < len(parent):
        way.append(node)
        node = parent[node]
    return way


@given(parents(), st.data())
def test_ancestors(parent: list[int], data: st.DataObject) -> None:
    node = data.draw(st.integers(0, len(parent) - 1))
    out = np.zeros(len(parent), np.uint32)
    count = _kernels.ancestors(np.array(parent, np.uint32), node, out)
    assert out[:count].tolist() == climbed(parent, node)


@given(parents(), st.data())
def test_below(parent: list[int], data: st.DataObject) -> None:
    nodes = st.integers(0, len(parent) - 1)
    start, top = data.draw(st.lists(nodes)), data.draw(nodes)
    out = np.full(len(start), 9, np.uint8)
    _kernels.below(np.array(parent, np.uint32), np.array(start, np.uint32), top, 10_000, out)
    assert out.tolist() == [int(top in climbed(parent, v)) for v in start]


def test_walks_up_end() -> None:
    chain = np.array([NO_NODE, 0, 1, 2], np.uint32)
    out = np.zeros(3, np.uint8)
    _kernels.below(chain, np.array([3, 3, 1], np.uint32), 0, 4, out)
    assert out.tolist() == [1, 2, 2]  # three steps, one, none
    ring = np.array([1, 0], np.uint32)
    with pytest.raises(ValueError, match="depth 2 is out of range"):
        _kernels.ancestors(ring, 0, np.zeros(2, np.uint32))
    with pytest.raises(ValueError, match="node 4 is out of range"):
        _kernels.ancestors(chain, 4, np.zeros(9, np.uint32))
