"""What hangs from no holder, as drawings: garbage, and what C code lost."""

from __future__ import annotations

import pytest

from leakhunt.detectors.base import Category, Verdict
from tests.builders import Heap
from tests.unit.detectors.drawing import CYCLES, leak, only, quiet, run

# ---- what hangs from no holder ----


def ring(heap: Heap) -> None:
    a, b = heap.object("shop.Document", 400), heap.object("shop.Paragraph", 300)
    a.set(body=b)
    b.set(document=a)
    heap.collectable(a, b)


def test_garbage_while_the_collector_is_off() -> None:
    heap = Heap()
    heap.footer["gc_enabled"] = False
    found = leak(run(heap, lambda _: ring(heap)))
    assert found.category is Category.CYCLE
    assert found.holder.path == "<garbage>"
    assert found.node_ids == ()  # ids of the loaded snapshot name other objects in the final one
    assert found.count_per_cycle == 1.0
    told = "shop.Document.body -> shop.Paragraph.document -> shop.Document"
    assert any(line.endswith(f"of {CYCLES} alike: {told}") for line in found.evidence)


def test_garbage_while_the_collector_is_on() -> None:
    heap = Heap()
    heap.footer["gc_enabled"] = True
    result = run(heap, lambda _: ring(heap))
    quiet(result)
    assert result.findings[0].category is Category.CYCLE
    document = next(row for row in result.growth if row.type == "shop.Document")
    assert document.garbage == CYCLES
    assert document.transient == CYCLES


def test_objects_that_c_code_forgot() -> None:
    heap = Heap()

    def cycle(_: int) -> None:
        heap.object("shop.Ticket", seats=heap.list()).native = 1

    found = leak(run(heap, cycle))
    assert (found.category, found.holder.path) == (Category.NATIVE, "<native>")
    assert found.leaked[0].type == "shop.Ticket"


def test_references_that_c_code_forgot() -> None:
    heap = Heap()
    schema = heap.object("shop.Schema")
    heap.module("shop", SCHEMA=schema)

    def cycle(_: int) -> None:
        schema.native += 1

    found = leak(run(heap, cycle))
    assert (found.category, found.holder.path) == (Category.NATIVE, "shop.SCHEMA")
    assert found.count_per_cycle == 1.0


@pytest.mark.parametrize(
    ("type_name", "verdict"), [("builtins.bytes", Verdict.LEAK), (None, Verdict.SUSPECT)]
)
def test_blocks_that_nothing_reaches(type_name: str | None, verdict: Verdict) -> None:
    heap = Heap()
    heap.snap()
    start = 6

    def cycle(i: int) -> None:
        if i >= start:
            heap.unreached.append((type_name, 33))

    found = only(run(heap, cycle))
    assert found.verdict is verdict
    assert found.category is Category.NATIVE
    assert found.count_per_cycle == 1.0


def test_texts_in_fields_of_leaked_extension_objects_are_no_leak_of_their_own() -> None:
    heap = Heap()
    kept = heap.list()
    heap.module("shop", KEPT=kept)
    heap.snap()

    def cycle(_: int) -> None:
        kept.append(heap.object("parser.Message"))
        heap.unreached.append(("builtins.str", 57))

    found = only(run(heap, cycle))
    assert (found.holder.path, found.verdict) == ("shop.KEPT", Verdict.LEAK)
