"""How much of a large heap is looked at one by one: what leaks, and some of each part of it."""

from __future__ import annotations

import pytest

from leakhunt.analysis.classes import Classes
from leakhunt.detectors.suspect import Suspect
from tests.builders import Heap
from tests.unit.detectors.drawing import leak, run


def test_classes_that_do_not_leak_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()
    attributes_of = Classes.attributes_of

    def noted(classes: Classes, index: int) -> frozenset[str]:
        read.add(classes._graph.name_of_type(index))
        return attributes_of(classes, index)

    monkeypatch.setattr(Classes, "attributes_of", noted)
    heap = Heap()
    kept = heap.list()
    heap.module("shop", KEPT=kept)
    for number in range(30):
        heap.module("shop", **{f"Model{number}": heap.cls(f"shop.Model{number}")})
        heap.module("shop", **{f"model{number}": heap.object(f"shop.Model{number}")})
    heap.module("shop", Session=heap.cls("shop.Session"))
    leak(run(heap, lambda _: kept.append(heap.object("shop.Session"))))
    assert read <= {"shop.Session"}


def test_a_mapping_that_is_its_own_namespace_is_looked_at_in_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []
    inner_edges = Suspect.inner_edges

    def noted(suspect: Suspect, node: int) -> tuple[int, ...]:
        found = inner_edges(suspect, node)
        looked.append(len(found))
        return found

    monkeypatch.setattr(Suspect, "inner_edges", noted)
    heap = Heap()
    kept = heap.list()
    heap.module("shop", KEPT=kept)
    value = heap.object("shop.Value")
    heap.module("shop", VALUE=value)

    def cycle(_: int) -> None:
        row = heap.object("shop.Row")
        for number in range(300):
            row.put(number, value)
        kept.append(row.field("__dict__", row))

    assert leak(run(heap, cycle)).holder.path == "shop.KEPT"
    assert 0 < max(looked) < 100
