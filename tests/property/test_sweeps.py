"""The passes that compare snapshots against their slow, obvious twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.graph import _kernels
from tests.property.random_graphs import Graph, graphs

ADDRESSES = st.lists(st.integers(0, 40), unique=True, max_size=20).map(sorted)
BORN = 1


def drawn(data: st.DataObject, count: int, least: int, most: int) -> list[int]:
    return data.draw(st.lists(st.integers(least, most), min_size=count, max_size=count))


@given(ADDRESSES, ADDRESSES, st.data())
def test_match(old: list[int], now: list[int], data: st.DataObject) -> None:
    old_type, now_type = drawn(data, len(old), 0, 2), drawn(data, len(now), 0, 2)
    old_name, now_name = drawn(data, 3, 0, 3), drawn(data, 3, 0, 3)
    flags = drawn(data, len(now), 0, 3)
    out = np.zeros(len(now), np.int32)
    _kernels.match(
        np.array(old, np.uint64), np.array(old_type, np.uint32), np.array(old_name, np.uint32),
        np.array(now, np.uint64), np.array(now_type, np.uint32), np.array(now_name, np.uint32),
        np.array(flags, np.uint8), BORN, out,
    )  # fmt: skip
    expected = [
        old.index(address)
        if address in old
        and not flag & BORN
        and old_name[old_type[old.index(address)]] == now_name[kind]
        else -1
        for address, kind, flag in zip(now, now_type, flags, strict=True)
    ]
    assert out.tolist() == expected


@given(st.lists(st.integers(-1, 9), max_size=20), st.lists(st.integers(-1, 99), min_size=10))
def test_follow(ids: list[int], step: list[int]) -> None:
    out = np.array(ids, np.int32)
    _kernels.follow(out, np.array(step, np.int32))
    assert out.tolist() == [-1 if i < 0 else step[i] for i in ids]


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 9)), st.integers(0, 2**64 - 1))
def test_distinct(keys: list[int], seed: int) -> None:
    first, group = np.full(len(keys), -1, np.int64), np.full(len(keys), -1, np.int64)
    count = _kernels.distinct(np.array(keys, np.uint64), seed, first, group)
    by_first_appearance = list(dict.fromkeys(keys))
    assert first[:count].tolist() == [keys.index(key) for key in by_first_appearance]
    assert group.tolist() == [by_first_appearance.index(key) for key in keys]


def test_distinct_of_more_keys_than_its_first_table_holds() -> None:
    key = np.arange(100_000, dtype=np.uint64) % 30_011 << np.uint64(32)
    first, group = np.empty(len(key), np.int64), np.empty(len(key), np.int64)
    assert _kernels.distinct(key, 0, first, group) == 30_011
    assert group.tolist() == (np.arange(len(key)) % 30_011).tolist()


@given(graphs(), st.data())
def test_surplus(graph: Graph, data: st.DataObject) -> None:
    refcount, flags = drawn(data, graph.nodes, 0, 5), drawn(data, graph.nodes, 0, 15)
    out = np.zeros(graph.nodes, np.uint32)
    _kernels.surplus(
        *graph.arrays, np.array(refcount, np.uint32), np.array(flags, np.uint8), 8 | 4, out
    )
    degree = [sum(t == v for _, t in graph.strong()) for v in range(graph.nodes)]
    expected = [
        0 if flag & 12 else max(0, count - into)
        for count, flag, into in zip(refcount, flags, degree, strict=True)
    ]
    assert out.tolist() == expected


@given(st.lists(st.integers(0, 4), max_size=30), st.booleans(), st.booleans(), st.data())
def test_tally(index: list[int], chooses: bool, weighs: bool, data: st.DataObject) -> None:
    chosen, weight = drawn(data, len(index), 0, 1), drawn(data, len(index), 0, 1 << 40)
    total = np.ones(5, np.int64)
    _kernels.tally(
        np.array(index, np.uint32),
        np.array(chosen, np.uint8) if chooses else None,
        np.array(weight, np.uint64) if weighs else None,
        total,
    )
    for i in range(5):
        there = [k for k, at in enumerate(index) if at == i and (chosen[k] or not chooses)]
        assert total[i] == 1 + sum(weight[k] if weighs else 1 for k in there)


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64, np.int64])
@given(data=st.data())
def test_mark_grown(dtype: type, data: st.DataObject) -> None:
    before = drawn(data, 6, 0, 9)
    earlier = data.draw(st.lists(st.integers(-1, 5), max_size=12))
    after, least = drawn(data, len(earlier), 0, 9), data.draw(st.integers(-3, 5))
    grown = np.zeros(len(earlier), np.uint8)
    _kernels.mark_grown(
        np.array(after, dtype), np.array(before, dtype), np.array(earlier, np.int32), least, grown
    )
    expected = [at >= 0 and a - before[at] >= least for a, at in zip(after, earlier, strict=True)]
    assert grown.astype(bool).tolist() == expected


@given(graphs(), st.data())
def test_marks_below_and_above_in_the_tree(graph: Graph, data: st.DataObject) -> None:
    tree = graph.tree([[0]], [])
    start = data.draw(st.lists(st.integers(0, graph.nodes - 1), max_size=4))
    mark, queue = np.zeros(graph.nodes, np.uint8), np.zeros(graph.nodes, np.uint32)
    _kernels.mark_tree(
        *graph.arrays, tree.parent, tree.edge, np.array(start, np.uint32), mark, queue
    )
    slow = np.zeros(graph.nodes, np.uint8)
    slow[start] = 1
    above = slow.copy()
    _kernels.mark_below(tree.order, tree.parent, slow)
    assert mark.tolist() == slow.tolist()
    _kernels.mark_above(tree.order, tree.parent, above)
    line: set[int] = set()
    for v in start:
        at = v
        while at < graph.nodes:  # the parent of a seed is no node
            line.add(at)
            at = int(tree.parent[at])
    assert set(np.flatnonzero(above).tolist()) == line


def test_what_is_out_of_range_is_refused() -> None:
    one, wide, ids = np.zeros(1, np.uint32), np.zeros(1, np.uint64), np.full(1, 9, np.int32)
    none, byte = np.zeros(0, np.uint32), np.zeros(1, np.uint8)
    with pytest.raises(ValueError, match="type of node 0"):
        _kernels.match(wide, one, one, wide, one, none, byte, 0, ids.copy())
    with pytest.raises(ValueError, match="id 9 is out of range"):
        _kernels.follow(ids.copy(), ids)
    with pytest.raises(ValueError, match="index 9 is out of range"):
        _kernels.tally(np.full(1, 9, np.uint32), None, None, np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="earlier node 9"):
        _kernels.mark_grown(one, one, ids, 0, byte)
    with pytest.raises(ValueError, match="flag bits 256"):
        _kernels.match(wide, one, one, wide, one, one, byte, 256, ids.copy())
    graph = Graph(2, [(0, 1, 1)])
    two, pair = np.zeros(2, np.uint32), np.zeros(2, np.uint64)
    with pytest.raises(ValueError, match="start 5"):
        _kernels.mark_tree(
            *graph.arrays, two, pair, np.full(1, 5, np.uint32), np.zeros(2, np.uint8), two.copy()
        )
