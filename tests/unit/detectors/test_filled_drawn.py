"""Objects of a fixed number that get an attribute when they are first asked for it, drawn."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leakhunt.detectors.investigate import Investigation
from tests.builders import Heap, Obj
from tests.unit.detectors.drawing import leak, quiet, run


def inline(heap: Heap, owner: Obj, name: str) -> None:
    owner.set(**{name: heap.object("shop.Slug", 60)})


def in_new_dict(heap: Heap, owner: Obj, name: str) -> None:
    owner.field("__dict__", heap.dict({name: heap.object("shop.Slug", 60)}))


def in_old_dict(heap: Heap, owner: Obj, name: str) -> None:
    (namespace,) = [target for _, edge, target in owner.edges if edge == "__dict__"]
    namespace.put(name, heap.object("shop.Slug", 60))


WAYS = {"inline": inline, "in a new dict": in_new_dict, "in the dict": in_old_dict}


def hunt(
    fill: Callable[[Heap, Obj, str], None], name: Callable[[int], str], owners: int = 200
) -> Investigation:
    """A cycle fills an attribute of the next owner."""
    heap = Heap()
    made = [heap.object("shop.Product", 48) for _ in range(owners)]
    if fill is in_old_dict:
        for one in made:
            one.field("__dict__", heap.dict({"sku": heap.object()}))
    heap.module("shop", CATALOG=heap.dict(dict(enumerate(made))))
    return run(heap, lambda i: fill(heap, made[i % owners], name(i)))


@pytest.mark.parametrize("way", WAYS)
def test_an_attribute_that_is_filled_once(way: str) -> None:
    result = hunt(WAYS[way], lambda _: "slug")
    quiet(result)
    (found,) = result.findings
    assert "60 objects got an attribute that they had not, and there are 200 in all" in found.reason


def test_attributes_of_ever_new_names() -> None:
    leak(hunt(in_old_dict, lambda i: f"slug_{i}"))


def test_objects_that_get_more_than_they_are() -> None:
    leak(hunt(inline, lambda i: f"slug_{i}", owners=10))
