"""Growth in C code: what is a finding, and what is a note."""

from __future__ import annotations

import pytest

from leakhunt.agent.format import Fact
from leakhunt.detectors.base import Category, Verdict
from leakhunt.detectors.investigate import Investigation
from tests.builders import Heap
from tests.unit.detectors.drawing import CYCLES, leak, quiet, run


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


def test_what_the_stacks_of_leaked_greenlets_keep_is_a_note() -> None:
    heap = Heap()
    waiting = heap.list()
    heap.module("shop", WAITING=waiting)

    def cycle(i: int) -> None:
        waiting.append(heap.object("greenlet.greenlet"))
        for _ in range(1 if i % 25 == 0 else 2):  # some stand elsewhere
            heap.object("shop.Session").native = 1
        if i >= 6:  # those of the warm-up were there before
            heap.unreached.append(("builtins.frame", 136))

    result = run(heap, cycle)
    assert leak(result).category is Category.PENDING
    (note,) = [line for line in result.notes if "greenlets" in line]
    assert f"stacks of {CYCLES} suspended greenlets" in note
    assert "`shop.Session`" in note
    assert "`builtins.frame`" in note


def test_objects_in_c_without_greenlets_stay_a_finding() -> None:
    heap = Heap()

    def cycle(_: int) -> None:
        heap.object("shop.Session").native = 1

    assert leak(run(heap, cycle)).category is Category.NATIVE


def test_constants_that_leaked_objects_of_an_extension_refer_to_leak_with_them() -> None:
    heap = Heap()
    kept, missing = heap.list(), heap.object("ext.core.MissingType")
    heap.module("ext.core", MISSING=missing)
    heap.module("shop", KEPT=kept)

    def cycle(_: int) -> None:
        kept.append(heap.object("ext.core.Validator"))
        missing.native += 3

    assert leak(run(heap, cycle)).holder.path == "shop.KEPT"


def test_references_to_constants_of_an_extension_alone_are_a_finding() -> None:
    heap = Heap()
    kept, missing = heap.list(), heap.object("ext.core.MissingType")
    heap.module("ext.core", MISSING=missing)
    heap.module("shop", KEPT=kept)

    def cycle(_: int) -> None:
        kept.append(heap.object("shop.Order"))
        missing.native += 3

    found = [f.category for f in run(heap, cycle).findings]
    assert found == [Category.COLLECTION, Category.NATIVE]


@pytest.mark.parametrize("each", [1, 2])
@pytest.mark.parametrize(
    ("holder", "verdict"), [("rust.Map", Verdict.SUSPECT), ("rust.Other", Verdict.LEAK)]
)
def test_what_leaked_objects_may_hold_that_say_nothing_is_not_blamed_on_c(
    holder: str, verdict: Verdict, each: int
) -> None:
    heap = Heap()
    heap.opaque_types.add("rust.Map")
    kept = heap.list()
    heap.module("shop", KEPT=kept)

    def cycle(_: int) -> None:
        kept.append(heap.object(holder))
        for _ in range(each):
            heap.object("shop.Session").native = 1

    found = {one.category: one for one in run(heap, cycle).findings}
    leaked, native = found[Category.COLLECTION], found[Category.NATIVE]
    assert (leaked.holder.path, leaked.verdict) == ("shop.KEPT", Verdict.LEAK)
    assert native.verdict is verdict
    assert ("`rust.Map` leaks beside it" in native.reason) == (verdict is Verdict.SUSPECT)


def test_what_objects_hold_that_c_code_lost_is_lost_in_c_too() -> None:
    heap = Heap()
    heap.opaque_types.add("rust.Iterator")

    def cycle(i: int) -> None:
        heap.object("shop.Session").native = 1  # of the iterator
        if i >= 6:  # those of the warm-up were there before
            heap.unreached.append(("rust.Iterator", 56))

    found = {one.leaked[0].type: one for one in run(heap, cycle).findings}
    assert found["rust.Iterator"].verdict is Verdict.LEAK
    assert found["shop.Session"].verdict is Verdict.LEAK


@pytest.mark.parametrize(("table", "findings"), [("_lru.LRU", 0), ("shop.Other", 2)])
def test_entries_of_a_bounded_table_in_c_are_no_leak(table: str, findings: int) -> None:
    heap = Heap()
    heap.module("shop", CACHE=heap.object(table))
    heap.snap()

    def cycle(i: int) -> None:
        heap.list().native = 1  # the value of an entry
        if i >= 6:  # those of the warm-up were there before
            heap.unreached.append(("_lru.Node", 56))

    assert len(run(heap, cycle).findings) == findings


def losing_texts(heap: Heap, sizes: tuple[int, ...], *modules: str) -> Investigation:
    """Each cycle leaves texts of so many bytes that nothing reaches."""
    for module in modules:
        heap.module(module)
    heap.snap()

    def cycle(i: int) -> None:
        if i >= 6:  # those of the warm-up were there before
            heap.unreached += [("builtins.str", size) for size in sizes]

    return run(heap, cycle)


def test_short_texts_that_a_parser_keeps_are_a_note() -> None:
    result = losing_texts(Heap(), (43, 104, 288), "pydantic_core._pydantic_core")
    assert result.findings == ()
    (note,) = [line for line in result.notes if line.startswith("Short texts")]
    assert f"grew by {3 * CYCLES}" in note
    assert "(pydantic_core) keep up to 16,384" in note


def test_the_tables_of_two_parsers_hold_more() -> None:
    each = (50,) * (17_000 // CYCLES)
    modules = ("pydantic_core._pydantic_core", "orjson.orjson")
    assert losing_texts(Heap(), each, *modules).findings == ()


@pytest.mark.parametrize("module", ["orjson", "shop"])
def test_short_texts_that_no_parser_keeps_are_a_leak(module: str) -> None:
    found = leak(losing_texts(Heap(), (50,), module))
    assert (found.category, found.holder.path) == (Category.NATIVE, "<native>")


def test_long_texts_are_a_leak_beside_those_that_a_parser_keeps() -> None:
    found = leak(losing_texts(Heap(), (50, 50, 50, 1000), "jiter.jiter"))
    assert (found.holder.path, found.count_per_cycle) == ("<native>", 1.0)
    assert found.retained_bytes == 1000 * CYCLES


def test_more_short_texts_than_a_parser_keeps_are_a_leak() -> None:
    each = 2_048 // CYCLES + 1
    found = leak(losing_texts(Heap(), (50,) * each + (1000,), "orjson.orjson"))
    assert found.count_per_cycle == each + 1


def test_what_is_no_text_is_a_leak_beside_a_parser() -> None:
    heap = Heap()
    heap.module("jiter.jiter")
    heap.snap()

    def cycle(i: int) -> None:
        if i >= 6:
            heap.unreached += [("builtins.str", 50), ("builtins.bytes", 50)]

    found = leak(run(heap, cycle))
    assert [share.type for share in found.leaked] == ["builtins.bytes"]
