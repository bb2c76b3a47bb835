"""Growth in C code: what is a finding, and what is a note."""

from __future__ import annotations

from leakhunt.agent.format import Fact
from leakhunt.detectors.base import Category
from tests.builders import Heap
from tests.unit.detectors.test_drawings import CYCLES, leak, quiet, run


def test_references_to_a_type_are_a_note() -> None:
    heap = Heap()
    kind = heap.cls("ext.Kind")
    heap.module("ext", Kind=kind, one=heap.object("ext.Kind"))

    def cycle(_: int) -> None:
        kind.native += 2

    result = run(heap, cycle)
    quiet(result)
    (note,) = [line for line in result.notes if "counted and found nowhere" in line]
    assert note.startswith(
        f"References to `ext.Kind`, counted and found nowhere, grew by {2 * CYCLES};"
    )
    assert "they cost no memory" in note


def test_references_to_another_object_are_a_finding() -> None:
    heap = Heap()
    table = heap.list()
    heap.module("ext", TABLE=table)

    def cycle(_: int) -> None:
        table.native += 2

    found = leak(run(heap, cycle))
    assert found.category is Category.NATIVE
    assert "+2 references to `builtins.list` per cycle" in found.title
    assert (found.retained_bytes, found.exclusive_bytes) == (None, None)


def test_links_of_a_bounded_cache_are_no_finding() -> None:
    heap = Heap()
    cache = heap.dict()
    wrapper = heap.object("functools._lru_cache_wrapper").field("cache", cache)
    wrapper.fact(Fact.MAXSIZE, 4096)
    heap.module("shop", price=wrapper)

    def cycle(i: int) -> None:
        link = heap.object("functools._lru_list_elem")
        link.native = 1  # the ring
        cache.put(f"k{i}", link)
        wrapper.fact(Fact.LENGTH, i + 1)

    result = run(heap, cycle)
    quiet(result)
    assert [f.category for f in result.findings] == [Category.CACHE]
