"""Drawings with waste in them: what is counted, where it is said to be, and what is not."""

from __future__ import annotations

import pytest

from leakhunt.agent.format import Fact, NodeFlag
from leakhunt.analysis.waste.duplicates import NESTING_MAX, value_classes
from leakhunt.analysis.waste.find import find_waste
from leakhunt.analysis.waste.results import Duplicates, Waste
from leakhunt.analysis.waste.tables import dict_table_bytes
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj


def waste(heap: Heap, top: int | None = None) -> Waste:
    return find_waste(HeapGraph(heap.snap()), top)


def duplicates(heap: Heap) -> Duplicates:
    found = waste(heap).duplicates
    assert found is not None
    return found


def text(heap: Heap, value: str, size: int = 60) -> Obj:
    made = heap.object("builtins.str", size)
    return made.fact(Fact.CONTENT, hash(value))


def test_equal_texts_and_where_they_are() -> None:
    heap = Heap()
    orders = [heap.object("shop.Order", status=text(heap, "active")) for _ in range(5)]
    heap.module("shop", ORDERS=heap.list(*orders), OTHER=heap.list(text(heap, "active", 70)))
    found = duplicates(heap)
    (value,) = found.values
    assert (value.objects, value.wasted_bytes) == (6, 5 * 60)
    assert (value.path, value.path_objects) == ("shop.ORDERS[*].status", 5)
    assert (value.type, value.text) == ("builtins.str", None)
    (row,) = found.types
    assert (row.values, row.objects, row.wasted_bytes) == (1, 6, 300)
    assert found.uncompared_objects > 0  # names of the drawing without hashes


def test_the_text_is_told_when_the_snapshot_has_it() -> None:
    heap = Heap()
    known = heap.str("active").fact(Fact.CONTENT, 7)
    other = heap.object("builtins.str", 55).fact(Fact.CONTENT, 7)
    heap.module("shop", A=known, B=other)
    assert duplicates(heap).values[0].text == "active"


def test_types_are_never_mixed() -> None:
    heap = Heap()
    one, other = heap.object("builtins.int", 28), heap.object("builtins.float", 24)
    heap.module("shop", A=one.fact(Fact.CONTENT, 5), B=other.fact(Fact.CONTENT, 5))
    assert duplicates(heap).wasted_bytes == 0


def test_an_immortal_one_stays_and_all_others_are_wasted() -> None:
    heap = Heap()
    first = text(heap, "x")
    first.flags |= NodeFlag.IMMORTAL
    heap.module("shop", ALL=heap.list(first, text(heap, "x"), text(heap, "x")))
    assert duplicates(heap).wasted_bytes == 120
    heap = Heap()
    both = [text(heap, "x"), text(heap, "x")]
    for one in both:
        one.flags |= NodeFlag.IMMORTAL
    heap.module("shop", ALL=heap.list(*both))
    assert duplicates(heap).wasted_bytes == 0


def test_tuples_of_equal_members_and_of_the_same_members() -> None:
    heap = Heap()
    same = heap.object("shop.Thing")
    pairs = [heap.tuple(text(heap, "a"), same) for _ in range(3)]
    deep = [heap.tuple(heap.tuple(text(heap, "a"), same)) for _ in range(2)]
    swapped = heap.tuple(same, text(heap, "a"))
    other = heap.tuple(text(heap, "a"), heap.object("shop.Thing"))
    heap.module("shop", ALL=heap.list(*pairs, *deep, swapped, other))
    rows = {row.type: row for row in duplicates(heap).types}
    tuples = rows["builtins.tuple"]
    assert (tuples.values, tuples.objects) == (2, 5 + 2)
    assert tuples.wasted_bytes == 56 * (4 + 1)


def test_frozensets_have_no_order() -> None:
    heap = Heap()
    sets = []
    for order in ("ab", "ba", "ac"):
        made = heap.object("builtins.frozenset", 216)
        sets.append(made.add(*(text(heap, one) for one in order)))
    heap.module("shop", ALL=heap.list(*sets))
    rows = {row.type: row for row in duplicates(heap).types}
    assert (rows["builtins.frozenset"].objects, rows["builtins.frozenset"].wasted_bytes) == (2, 216)


def test_nesting_has_an_end_and_cycles_are_no_values() -> None:
    heap = Heap()
    chains = []
    for _ in range(2):
        at = heap.tuple(text(heap, "end"))
        for _ in range(NESTING_MAX + 10):
            at = heap.tuple(at)
        chains.append(at)
    loop = heap.tuple()
    loop.append(loop)
    heap.module("shop", ALL=heap.list(*chains, loop))
    graph = HeapGraph(heap.snap())
    _, compared = value_classes(graph)
    tuples = [v for v in range(graph.node_count) if graph.type_name(v) == "builtins.tuple"]
    assert sum(bool(compared[v]) for v in tuples) == 2 * NESTING_MAX


def test_what_nothing_reaches_is_not_counted() -> None:
    heap = Heap()
    lost = heap.list(text(heap, "x"), text(heap, "x"))
    heap.collectable(lost)
    heap.module("shop", KEPT=text(heap, "y"))
    found = waste(heap)
    assert found.duplicates is not None
    assert found.duplicates.wasted_bytes == 0
    assert all(place.path != "shop" for place in found.containers.places)


def test_without_hashes_nothing_is_claimed_of_values() -> None:
    heap = Heap()
    heap.module("shop", A=heap.str("x"), B=heap.str("x"))
    assert waste(heap).duplicates is None


def test_the_worst_come_first_and_no_more_than_wanted() -> None:
    heap = Heap()
    values = [text(heap, f"v{i % 5}", 50 + i % 5) for i in range(20)]
    heap.module("shop", ALL=heap.list(*values), EMPTY=heap.list(heap.list(), heap.dict()))
    found = waste(heap, 2)
    assert found.duplicates is not None
    assert [one.wasted_bytes for one in found.duplicates.values] == [3 * 54, 3 * 53]
    assert found.duplicates.types[0].wasted_bytes == 3 * sum(range(50, 55))
    assert len(found.containers.places) == 2


# ---- containers ----


@pytest.mark.parametrize(
    ("type_name", "size", "entries", "wasted"),
    [
        ("builtins.list", 56, 0, 56),
        ("builtins.list", 56 + 8 * 100, 0, 856),
        ("builtins.list", 56 + 8 * 100, 10, 720),
        ("builtins.list", 56 + 8 * 20, 10, 0),
        ("builtins.list", 56 + 8 * 21, 10, 88),
        ("builtins.dict", 64, 0, 64),
        ("builtins.dict", 64 + dict_table_bytes(10, 16), 5, 64 + 17000),
        ("builtins.dict", 64 + 999, 1, 0),
        ("collections.deque", 232 + 528, 0, 760),
        ("collections.deque", 232 + 528, 1, 0),
        ("collections.OrderedDict", 500, 3, 0),
        ("shop.MyList", 56 + 8 * 100, 1, 0),
    ],
)
def test_containers(type_name: str, size: int, entries: int, wasted: int) -> None:
    heap = Heap()
    made = heap.object(type_name, size)
    for i in range(entries):
        thing = heap.object("shop.Thing")
        if "dict" in type_name.lower():
            made.put(f"k{i}", thing)
        else:
            made.append(thing)
    heap.module("shop", IT=made)
    columns = heap.snap()
    base = {"builtins.list": 56, "builtins.dict": 64, "collections.deque": 232}
    for index in range(columns.type_count):
        name = columns.type_string(index)
        columns.type_base_size[index] = base.get(name, 0)
    found = [one for one in find_waste(HeapGraph(columns), None).containers.places
             if one.path == "shop.IT"]  # fmt: skip
    if type_name == "builtins.dict" and wasted > 1000:
        wasted = dict_table_bytes(10, 16) - dict_table_bytes(3, 16)
    assert [one.wasted_bytes for one in found] == ([wasted] if wasted else [])


def test_a_namespace_is_no_container() -> None:
    heap = Heap()
    bare = heap.object("shop.Bare").field("__dict__", heap.dict())
    heap.module("shop", BARE=bare)
    assert [one.path for one in waste(heap).containers.places] == []


# ---- dicts of instances ----


def python_class(heap: Heap, name: str, *names: str) -> Obj:
    """A class as a class statement makes it, below ``object``."""
    made = heap.cls(name, **{one: heap.str(one) for one in ("__module__", *names)})
    return made.field("__mro__", heap.tuple(made))


def instances(heap: Heap, name: str, count: int) -> list[Obj]:
    found = []
    for i in range(count):
        namespace = heap.dict({"a": heap.object("shop.Value"), "b": heap.object("shop.Value")})
        if i == 0:
            namespace.put("c", heap.object("shop.Value"))
        found.append(heap.object(name).field("__dict__", namespace))
    return found


def test_dicts_that_slots_would_save() -> None:
    heap = Heap()
    python_class(heap, "shop.Order", "__dict__", "__weakref__")
    python_class(heap, "ext.Partial", "__dict__")
    orders = instances(heap, "shop.Order", 4)
    heap.module("shop", ALL=heap.list(*orders, *instances(heap, "ext.Partial", 4)))
    (row,) = waste(heap).instance_dicts
    assert (row.type, row.objects, row.attributes) == ("shop.Order", 4, 3)
    assert (row.dict_bytes, row.wasted_bytes) == (4 * 232, 4 * (232 - 3 * 8))


def test_a_dict_that_two_share_is_left_alone() -> None:
    heap = Heap()
    python_class(heap, "shop.Borg", "__dict__", "__weakref__")
    shared = heap.dict({"a": heap.object("shop.Value")})
    borgs = [heap.object("shop.Borg").field("__dict__", shared) for _ in range(2)]
    heap.module("shop", ALL=heap.list(*borgs))
    assert waste(heap).instance_dicts == ()


def test_a_base_in_c_may_bring_a_dict_of_its_own() -> None:
    heap = Heap()
    base = heap.object("builtins.type", 400)
    base.field("__dict__", heap.dict({"args": heap.object("shop.Value")}))
    error = heap.cls("shop.Error", **{
        one: heap.str(one) for one in ("__module__", "__dict__", "__weakref__")
    })  # fmt: skip
    error.field("__mro__", heap.tuple(error, base))
    heap.module("shop", ALL=heap.list(*instances(heap, "shop.Error", 3)))
    assert waste(heap).instance_dicts == ()


def test_the_parts_do_not_overlap() -> None:
    heap = Heap()
    heap.module(
        "shop",
        A=heap.list(text(heap, "x"), text(heap, "x")),
        B=heap.list(heap.list(), heap.list()),
    )
    found = waste(heap)
    assert found.duplicates is not None
    assert found.wasted_bytes == found.duplicates.wasted_bytes + found.containers.wasted_bytes
    assert found.wasted_bytes < found.heap_bytes
