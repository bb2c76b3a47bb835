"""Sizes, reference cycles and views of findings, drawn."""

from __future__ import annotations

from leakhunt.detectors.base import Verdict
from tests.builders import Heap
from tests.unit.detectors.drawing import CYCLES, leak, run


def test_two_findings_share_what_they_hold_together() -> None:
    heap = Heap()
    logs, pages = heap.list(), heap.list()
    heap.module("shop", LOGS=logs, PAGES=pages)

    def cycle(_: int) -> None:
        body = heap.object("shop.Body", 1000)
        logs.append(heap.object("shop.Entry", 100, body=body))
        pages.append(heap.object("shop.Page", 200, body=body))

    result = run(heap, cycle)
    found = {f.holder.path: f for f in result.findings if f.verdict is Verdict.LEAK}
    assert {path: f.shared_bytes for path, f in found.items()} == {
        "shop.LOGS": CYCLES * (100 + 500),
        "shop.PAGES": CYCLES * (200 + 500),
    }
    # Alone neither frees the bodies.
    assert {path: f.exclusive_bytes for path, f in found.items()} == {
        "shop.LOGS": CYCLES * 100,
        "shop.PAGES": CYCLES * 200,
    }
    assert sum(f.shallow_bytes for f in found.values()) == CYCLES * 1300


def test_a_co_holder_is_part_of_the_finding() -> None:
    heap = Heap()
    by_id, by_age = heap.dict(), heap.list()
    heap.module("shop", BY_ID=by_id, BY_AGE=by_age)

    def cycle(i: int) -> None:
        order = heap.object("shop.Order", 300)
        by_age.append(order)
        by_id.put(f"order {i}", order)

    found = next(f for f in run(heap, cycle).findings if f.co_holders)
    assert found.exclusive_bytes == 0 or found.holder.path == "shop.BY_ID"
    assert found.shared_bytes is not None
    assert found.shared_bytes >= CYCLES * 300


def test_a_reference_cycle_among_leaked_objects_is_told() -> None:
    heap = Heap()
    kept = heap.list()
    heap.module("shop", KEPT=kept)

    def cycle(_: int) -> None:
        a, b = heap.object("shop.Page"), heap.object("shop.Line")
        a.set(lines=heap.list(b))
        b.set(page=a)
        kept.append(a)

    found = leak(run(heap, cycle))
    told = "shop.Page.lines -> list[0] -> shop.Line.page -> shop.Page"
    assert f"one whole reference cycle, of {CYCLES} alike: {told}" in found.evidence


def test_views_and_the_buffers_they_keep_are_told_apart() -> None:
    heap = Heap()
    heads = heap.list()
    heap.module("shop", HEADS=heads)

    def cycle(_: int) -> None:
        block = heap.object("numpy.ndarray", 80_112)
        heads.append(heap.object("numpy.ndarray", 112).field("base", block))

    found = leak(run(heap, cycle))
    assert found.evidence[1] == (
        f"{CYCLES} `numpy.ndarray` are views (6.6 KiB) that keep {CYCLES} buffers of others: "
        "4.6 MiB"
    )
    assert found.retained_bytes == CYCLES * (80_112 + 112)
