"""Memory outside Python objects that grows: native bytes, and what the allocators keep."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leakhunt.agent.format import Fact
from leakhunt.detectors.base import Category, Verdict
from leakhunt.detectors.investigate import Investigation
from tests.builders import Heap
from tests.unit.detectors.drawing import CYCLES, leak, only, quiet, run

MIB = 1 << 20
STEP = 100_000


def grow(
    part: str, amount: Callable[[int], int], *, beside: Callable[[Heap, int], object] | None = None
) -> Investigation:
    """A load after whose cycle i the counter ``part`` stands at ``amount(i)`` above its start."""
    heap = Heap()

    def cycle(i: int) -> None:
        more = amount(i)
        figures = {
            "rss_bytes": 60 * MIB, "anonymous_bytes": 50 * MIB, "file_bytes": 9 * MIB,
            "stack_bytes": MIB, "own_bytes": 0, "arena_bytes": 20 * MIB,
            "arena_used_bytes": 18 * MIB, "malloc_system_bytes": 30 * MIB,
            "malloc_used_bytes": 20 * MIB, "malloc_free_bytes": 10 * MIB,
        }  # fmt: skip
        wider = [part, "rss_bytes", "anonymous_bytes"]
        wider += ["malloc_system_bytes"] if part.startswith("malloc") else []
        for name in dict.fromkeys(wider):
            figures[name] += more
        heap.footer["memory"] = {**figures, "object_allocator": "pymalloc", "malloc": "glibc"}
        if beside is not None:
            beside(heap, i)

    return run(heap, cycle)


def test_bytes_from_malloc_that_no_object_owns_are_a_leak() -> None:
    found = leak(grow("malloc_used_bytes", lambda i: i * STEP))
    assert found.category is Category.NATIVE
    assert found.holder.path == "<malloc>"
    assert found.bytes_per_cycle == STEP
    assert "not Python objects" in found.title
    assert any("mallinfo2" in line for line in found.evidence)


def test_anonymous_mappings_that_grow_are_named_as_such() -> None:
    assert leak(grow("anonymous_bytes", lambda i: i * STEP)).holder.path == "<mmap>"


@pytest.mark.parametrize(
    "amount",
    [
        lambda i: min(i, 15) * STEP,
        lambda i: 700_000 * i * i // CYCLES**2,
        lambda i: 400 * i,
        lambda i: 0,
    ],
    ids=["a pool that fills", "less than a mebibyte at no steady rate", "little", "nothing"],
)
def test_healthy_native_memory_is_quiet(amount: Callable[[int], int]) -> None:
    quiet(grow("malloc_used_bytes", amount))


def test_a_few_kibibytes_a_cycle_at_one_rate_are_a_leak() -> None:
    found = leak(grow("malloc_used_bytes", lambda i: 3_000 * i))
    assert (found.holder.path, found.bytes_per_cycle) == ("<malloc>", 3_000)


def test_pages_that_sqlite_caches_are_no_leak() -> None:
    def beside(heap: Heap, i: int) -> None:
        if i == 0:
            heap.module("shop", DATABASE=heap.object("sqlite3.Connection"))

    quiet(grow("malloc_used_bytes", lambda i: 30_000 * i, beside=beside))
    found = leak(grow("malloc_used_bytes", lambda i: 40_000 * i, beside=beside))
    assert found.holder.path == "<malloc>"


def test_references_lost_to_a_text_own_no_native_bytes() -> None:
    def beside(heap: Heap, i: int) -> None:
        if i == 0:
            heap.module("shop", NAME=heap.key("children"))
        heap.key("children").native += 1

    assert leak(grow("malloc_used_bytes", lambda i: i * STEP, beside=beside)).holder.path == (
        "<malloc>"
    )


@pytest.mark.parametrize("type_name", ["ext.Image", "shop.Session"])
def test_what_fills_a_bounded_container_may_own_the_native_bytes(type_name: str) -> None:
    images = Heap().list()

    def beside(heap: Heap, i: int) -> None:
        nonlocal images
        if i == 0:
            heap.cls("shop.Session", __dict__=heap.object())
            images = heap.list().fact(Fact.MAXSIZE, 500)
            heap.module("shop", IMAGES=images)
        images.append(heap.object(type_name, 64))

    result = grow("malloc_used_bytes", lambda i: i * STEP, beside=beside)
    (native,) = [f for f in result.findings if f.category is Category.NATIVE]
    is_of_c = type_name == "ext.Image"  # what is written in Python owns no memory of its own
    assert native.verdict is (Verdict.SUSPECT if is_of_c else Verdict.LEAK)
    assert ("`ext.Image` fill what is bounded" in native.reason) == is_of_c


def test_objects_that_leak_may_own_the_native_bytes() -> None:
    images = Heap().list()

    def beside(heap: Heap, i: int) -> None:
        nonlocal images
        if i == 0:
            images = heap.list()
            heap.module("shop", IMAGES=images)
        images.append(heap.object("ext.Image", 64))

    result = grow("malloc_used_bytes", lambda i: i * STEP, beside=beside)
    (native,) = [f for f in result.findings if f.category is Category.NATIVE]
    assert native.verdict is Verdict.SUSPECT
    assert "`ext.Image` leak too" in native.reason
    assert [f.holder.path for f in result.findings if f.verdict is Verdict.LEAK] == ["shop.IMAGES"]


def test_free_memory_that_climbs_is_suspected_of_fragmentation() -> None:
    found = only(grow("malloc_free_bytes", lambda i: i * STEP))
    assert (found.category, found.verdict) == (Category.FRAGMENTATION, Verdict.SUSPECT)
    assert found.holder.path == "<allocator>"
    assert "not used again" in found.reason


def test_free_memory_after_a_burst_is_no_leak() -> None:
    result = grow("malloc_free_bytes", lambda i: 0 if i < 10 else 50 * STEP)
    quiet(result)
    (found,) = result.findings
    assert (found.category, found.verdict) == (Category.FRAGMENTATION, Verdict.NOT)


def test_each_snapshot_has_its_bill() -> None:
    result = grow("malloc_used_bytes", lambda i: i * STEP)
    assert list(result.bills) == ["baseline", "window", "loaded", "final"]
    for bill in result.bills.values():
        assert sum(part.bytes or 0 for part in bill.parts) == bill.rss_bytes


def test_snapshots_without_figures_have_none() -> None:
    assert run(Heap(), lambda _: None).bills == {}
