"""Equal values against Python's own equality, on random values; tables against counting."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.agent.format import Fact
from leakhunt.analysis.waste.duplicates import value_classes
from leakhunt.analysis.waste.find import find_waste
from leakhunt.analysis.waste.tables import smallest_dict_table, smallest_set_table
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj

LEAF = st.one_of(
    st.sampled_from(["", "a", "b"]), st.sampled_from([b"", b"a"]), st.integers(0, 2),
    st.sampled_from([0.0, 1.0]),
)  # fmt: skip
VALUE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.lists(LEAF, max_size=3).map(frozenset)
    ),
    max_leaves=8,
)


def drawn(heap: Heap, value: Any) -> Obj:
    """A new object of a value, its members new as well."""
    if isinstance(value, tuple | frozenset):
        made = heap.object(f"builtins.{type(value).__name__}", 40 + 8 * len(value))
        members = [drawn(heap, one) for one in value]
        return made.append(*members) if isinstance(value, tuple) else made.add(*members)
    made = heap.object(f"builtins.{type(value).__name__}", 30 + len(repr(value)))
    return made.fact(Fact.CONTENT, hash((type(value).__name__, value)))


def spelled(value: Any) -> Any:
    """A value that is equal exactly when type and value are, inside too."""
    if isinstance(value, tuple):
        return ("tuple", *map(spelled, value))
    if isinstance(value, frozenset):
        return ("frozenset", tuple(sorted(map(spelled, value), key=repr)))
    return (type(value).__name__, value)


@given(st.lists(VALUE, max_size=12))
def test_classes_are_python_s_equality(values: list[Any]) -> None:
    heap = Heap()
    objects = [drawn(heap, value) for value in values]
    heap.module("shop", ALL=heap.list(*objects))
    graph = HeapGraph(heap.snap())
    classes, compared = value_classes(graph)
    nodes = np.searchsorted(graph.columns.node_address, [one.address for one in objects])
    assert compared[nodes].all()
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            same = bool(classes[nodes[i]] == classes[nodes[j]])
            assert same == (spelled(a) == spelled(b))


@given(st.lists(LEAF, max_size=20))
def test_wasted_bytes_are_what_is_left_when_one_of_each_stays(values: list[Any]) -> None:
    heap = Heap()
    objects = [drawn(heap, value) for value in values]
    heap.module("shop", ALL=heap.list(*objects))
    found = find_waste(HeapGraph(heap.snap()), None).duplicates
    size = {spelled(value): one.size for value, one in zip(values, objects, strict=True)}
    count = Counter(map(spelled, values))
    expected = sum((n - 1) * size[value] for value, n in count.items())
    assert (0 if found is None else found.wasted_bytes) == expected


@given(st.integers(0, 3000))
def test_tables_are_those_of_this_interpreter(entries: int) -> None:
    """Built by inserting, as the slowest way there is."""
    texts: dict[Any, int] = {}
    numbers: dict[Any, int] = {}
    for i in range(entries):
        texts[f"k{i}"] = numbers[i] = 0
    keys = np.array([entries, entries])
    expected = smallest_dict_table(keys, np.array([16, 24]))
    if entries:
        base = sys.getsizeof({})
        assert [sys.getsizeof(one) - base for one in (texts, numbers)] == expected.tolist()
    filled = set(range(entries))
    copied = sys.getsizeof(set(filled)) - sys.getsizeof(set())
    assert int(smallest_set_table(np.array([entries]))[0]) == copied
