"""The memory bill: its parts add up, and what cannot be known is said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.agent.format import Fact
from leakhunt.analysis import bill as names
from leakhunt.analysis.bill import PARTS, Bill, Owned, bill_of, owned_by_objects, summed
from tests.builders import Heap

MIB = 1 << 20
FIGURES = {
    "object_allocator": "pymalloc",
    "malloc": "glibc",
    "rss_bytes": 100 * MIB,
    "file_bytes": 8 * MIB,
    "stack_bytes": MIB,
    "anonymous_bytes": 90 * MIB,
    "own_bytes": MIB,
    "arena_bytes": 40 * MIB,
    "arena_used_bytes": 30 * MIB,
    "malloc_system_bytes": 45 * MIB,
    "malloc_used_bytes": 35 * MIB,
    "malloc_free_bytes": 10 * MIB,
}
OWNED = Owned(large_bytes=20 * MIB, garbage_bytes=2 * MIB, total_bytes=48 * MIB)


def bill(owned: Owned = OWNED, without: tuple[str, ...] = (), **changes: Any) -> Bill:
    figures = {n: v for n, v in {**FIGURES, **changes}.items() if n not in without}
    found = bill_of(figures, owned)
    assert found is not None
    return found


def known(found: Bill) -> int:
    return sum(part.bytes or 0 for part in found.parts)


def test_each_part_comes_from_its_counter() -> None:
    found = bill()
    assert {part.name: (part.bytes or 0) // MIB for part in found.parts} == {
        names.LIVE: 48, names.GARBAGE: 2, names.FREE: 20, names.NATIVE: 15, names.MAPPED: 5,
        names.FILES: 8, names.STACKS: 1, names.OWN: 1, names.UNEXPLAINED: 0,
    }  # fmt: skip
    assert tuple(part.name for part in found.parts) == PARTS
    assert all(part.source for part in found.parts)
    assert known(found) == found.rss_bytes


def test_memory_that_nobody_touched_is_not_resident_and_was_free() -> None:
    found = bill(anonymous_bytes=80 * MIB, rss_bytes=90 * MIB)
    assert found.part(names.MAPPED) == 0
    assert found.part(names.FREE) == 15 * MIB
    assert found.part(names.UNEXPLAINED) == 0


def test_where_malloc_serves_python_too_only_native_memory_is_not_known() -> None:
    owned = Owned(0, 2 * MIB, 30 * MIB, count=65_536)
    found = bill(owned, without=("arena_bytes", "arena_used_bytes"), object_allocator="malloc")
    assert found.part(names.NATIVE) is None
    assert found.part(names.FREE) == 10 * MIB
    assert found.part(names.MAPPED) == 45 * MIB
    assert found.part(names.LIVE) == 29 * MIB, "16 bytes of malloc's own for each object"
    assert known(found) == found.rss_bytes
    assert "from malloc" in found.unknown[0]


@pytest.mark.parametrize("name", ["mimalloc", "malloc_debug", ""])
def test_without_pymalloc_it_says_what_cannot_be_known(name: str) -> None:
    found = bill(without=("arena_bytes", "arena_used_bytes"), object_allocator=name)
    assert found.part(names.NATIVE) is found.part(names.FREE) is None
    assert found.part(names.LIVE) == 46 * MIB
    assert known(found) == found.rss_bytes
    (line,) = found.unknown
    assert (name or "hooked") in line


@pytest.mark.parametrize("name", ["jemalloc", "tcmalloc", ""])
def test_without_counters_of_malloc_native_memory_is_not_known(name: str) -> None:
    counters = ("malloc_system_bytes", "malloc_used_bytes", "malloc_free_bytes")
    found = bill(without=counters, malloc=name)
    assert found.part(names.NATIVE) is found.part(names.MAPPED) is None
    assert found.part(names.FREE) == 10 * MIB
    assert known(found) == found.rss_bytes
    (line,) = found.unknown
    assert (name or "not glibc") in line


@pytest.mark.parametrize(
    "memory", [None, [], {}, {"rss_bytes": -1}, {"rss_bytes": True, "anonymous_bytes": 1}]
)
def test_a_footer_without_figures_has_no_bill(memory: object) -> None:
    assert bill_of(memory, OWNED) is None


RESIDENT = ("rss_bytes", "anonymous_bytes")
SIZES = st.integers(0, 1 << 40)


@given(
    st.fixed_dictionaries(
        dict.fromkeys(RESIDENT, SIZES),
        optional={
            name: SIZES for name in FIGURES if name.endswith("_bytes") and name not in RESIDENT
        },
    ),
    st.builds(Owned, SIZES, SIZES, SIZES),
)
def test_the_parts_always_add_up(memory: dict[str, Any], owned: Owned) -> None:
    found = bill_of(memory, owned)
    assert found is not None
    assert known(found) == found.rss_bytes
    assert all(p.bytes is None or p.bytes >= 0 or p.name == names.UNEXPLAINED for p in found.parts)


def test_only_blocks_above_512_bytes_are_mallocs() -> None:
    heap = Heap()
    keep = heap.list()
    for kind, size in (("builtins.bytes", 512), ("builtins.bytes", 1000), ("ext.Image", 64)):
        keep.append(heap.object(kind, size))
    keep.edges[-1][2].fact(Fact.BUFFER_BYTES, 5000)
    heap.module("shop", KEEP=keep)
    owned = owned_by_objects(heap.snap())
    assert owned.large_bytes == 1008 + 5008
    sizes = heap.snap().node_size[: owned.count]
    assert owned.total_bytes == int(sizes.sum()) + 5000, "and what they own outside"


def test_bills_of_several_processes_add_up() -> None:
    other = bill(without=("arena_bytes",), object_allocator="malloc")
    both = summed([bill(), other])
    assert both is not None
    assert both.rss_bytes == 200 * MIB
    assert both.part(names.FILES) == 16 * MIB
    assert both.part(names.NATIVE) is None
    assert both.unknown == other.unknown
    assert summed([]) is None
