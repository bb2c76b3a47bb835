"""A ladder of drawings: what grows in every step, under which path."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.trend.grouping import path_groups
from leakhunt.analysis.trend.ladder import Ladder
from leakhunt.analysis.trend.results import HolderTrend, Trend
from leakhunt.errors import UsageError
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap

CYCLES = 20


def climb(heap: Heap, cycle: Callable[[int], object], points: int = 4) -> Trend:
    """A snapshot, then one after every twenty cycles."""
    ladder = Ladder()
    ladder.add(HeapGraph(heap.snap("baseline")), "baseline", 0)
    for point in range(1, points + 1):
        for i in range((point - 1) * CYCLES, point * CYCLES):
            cycle(i)
        ladder.add(HeapGraph(heap.snap()), f"point {point}", point * CYCLES)
    return ladder.trend()


def only(trend: Trend) -> HolderTrend:
    assert len(trend.holders) == 1, [one.path for one in trend.holders]
    return trend.holders[0]


def test_a_list_below_a_key_that_is_always_there() -> None:
    heap = Heap()
    listeners = heap.list()
    bus = heap.object("shop.Bus", listeners=heap.dict({"tick": listeners}))
    heap.module("shop.bus", BUS=bus)

    def cycle(i: int) -> None:
        listeners.append(heap.object("shop.Session", 100, log=heap.list()))

    found = only(climb(heap, cycle))
    assert (found.path, found.type) == ("shop.bus.BUS.listeners['tick']", "builtins.list")
    assert (found.unit, found.values) == ("entries", (0, 20, 40, 60, 80))
    assert (found.slope.rate, found.slope.r2) == (1.0, 1.0)
    assert found.bytes == tuple(56 + n * 156 for n in (0, 20, 40, 60, 80))
    assert [(one.type, one.count_per_unit) for one in found.types] == [
        ("shop.Session", 1.0), ("builtins.list", 1.0),
    ]  # fmt: skip
    assert found.drained is None


def test_keys_that_come_are_one_open_entry() -> None:
    heap = Heap()
    tables = heap.dict({"old": heap.list(heap.object())})
    heap.module("shop", TABLES=tables)

    def cycle(i: int) -> None:
        tables.put(f"t{i}", heap.dict({"user": heap.object("shop.User")}))

    trend = climb(heap, cycle)
    found = only(trend)
    assert (found.path, found.unit) == ("shop.TABLES", "entries")
    assert found.values == (1, 21, 41, 61, 81)


def test_growth_inside_newborns_is_told_where_they_hang() -> None:
    heap = Heap()
    parts = [heap.list() for _ in range(3)]
    shards = heap.list(*parts)
    heap.module("shop", SHARDS=shards)

    def cycle(i: int) -> None:
        parts[i % 3].append(heap.object("shop.Row"))

    found = only(climb(heap, cycle))
    assert (found.path, found.values) == ("shop.SHARDS[*]", (0, 20, 40, 60, 80))


def test_names_that_come_are_growth_of_the_object_they_are_set_on() -> None:
    heap = Heap()
    registry = heap.object("shop.Registry")
    heap.module("shop", REGISTRY=registry)

    def cycle(i: int) -> None:
        registry.set(**{f"x{i}": heap.object("shop.Thing")})

    found = only(climb(heap, cycle))
    assert (found.path, found.unit, found.values) == (
        "shop.REGISTRY", "objects", (0, 20, 40, 60, 80),
    )  # fmt: skip


@pytest.mark.parametrize("period", [1, 2])
def test_a_linked_list_is_one_group(period: int) -> None:
    heap = Heap()
    head = heap.object("shop.Node")
    heap.module("shop", HEAD=head)
    last = [head]

    def cycle(i: int) -> None:
        new = heap.object("shop.Node")
        between = new if period == 1 else heap.list(new, type_name="shop.Box")
        last[0].set(next=between)
        last[0] = new

    trend = climb(heap, cycle)
    found = only(trend)
    assert found.path == "shop.HEAD"
    assert found.unit == "objects"
    assert found.slope.rate in (1.0, 2.0)
    grown = sum(one.count_per_unit for one in found.types)
    assert grown == period


def test_a_chain_of_many_thousands_is_walked_without_recursion() -> None:
    heap = Heap()
    nodes = heap.many(5000, "shop.Node")
    for i, (a, b) in enumerate(pairwise(nodes)):
        a.set(**{f"n{i % 7}": b})
    heap.module("shop", HEAD=nodes[0])
    graph = HeapGraph(heap.snap())
    groups = path_groups(graph)
    assert int(groups.count.sum()) == int(graph.reachable.sum()) - int(graph.is_namespace.sum())
    assert len(groups.parent) < 100


def test_attributes_in_a_dict_and_inline_are_the_same_path() -> None:
    def heap_with(inline: bool, rows: int) -> HeapGraph:
        heap = Heap(pid=rows)
        table = heap.list(*heap.many(rows, "shop.Row"))
        store = heap.object("shop.Store")
        if inline:
            store.set(rows=table)
        else:
            store.field("__dict__", heap.dict({"rows": table}))
        heap.module("shop", STORE=store)
        return HeapGraph(heap.snap())

    ladder = Ladder()
    for i, (inline, rows) in enumerate([(True, 10), (False, 20), (True, 30)]):
        ladder.add(heap_with(inline, rows), "", 10 * i, run=i)
    found = only(ladder.trend())
    assert (found.path, found.values) == ("shop.STORE.rows", (10, 20, 30))


def test_restarts_compare_by_path_though_every_address_differs() -> None:
    ladder = Ladder()
    for run, cycles in enumerate((20, 40, 60)):
        heap = Heap(pid=100 + run)
        heap.many(run * 7)  # other addresses
        heap.module("shop", KEPT=heap.list(*heap.many(cycles)), OTHER=heap.list(heap.object()))
        ladder.add(HeapGraph(heap.snap()), "final", cycles, run=run)
    found = only(ladder.trend())
    assert (found.path, found.slope.rate) == ("shop.KEPT", 1.0)


def test_runs_that_start_at_other_levels_do_not_hide_a_slope() -> None:
    ladder = Ladder()
    for run, start in enumerate((500, 0)):
        heap = Heap(pid=run)
        kept = heap.list(*heap.many(start))
        heap.module("shop", KEPT=kept)
        for x in (0, 20, 40):
            ladder.add(HeapGraph(heap.snap()), "", x, run=run)
            kept.append(*heap.many(40))
    found = only(ladder.trend())
    assert (found.slope.rate, found.slope.r2) == (2.0, 1.0)


# ---- what is no growth ----


def quiet(trend: Trend) -> None:
    assert [one.path for one in trend.holders] == []
    assert trend.types == ()


def test_a_warm_up_a_sawtooth_and_a_bound_are_quiet() -> None:
    heap = Heap()
    warm, saw, ring = heap.list(), heap.list(), heap.list(type_name="collections.deque")
    heap.module("shop", WARM=warm, SAW=saw, RING=ring)

    def cycle(i: int) -> None:
        if i < CYCLES:
            warm.append(heap.object("shop.Warm"))
        saw.append(heap.object("shop.Saw"))
        if i % 30 == 29:
            saw.edges.clear()
        ring.append(heap.object("shop.Ring"))
        if i >= 30:
            ring.pop()

    quiet(climb(heap, cycle))


def test_one_more_in_each_step_is_too_little() -> None:
    heap = Heap()
    kept = heap.list()
    heap.module("shop", KEPT=kept)
    ladder = Ladder()
    for point in range(4):
        ladder.add(HeapGraph(heap.snap()), "", 30 * point)
        kept.append(heap.object())
    quiet(ladder.trend())


def test_what_no_root_holds_is_no_holder_but_counts_by_type() -> None:
    heap = Heap()

    def cycle(i: int) -> None:
        lost = heap.object("shop.Lost")
        heap.collectable(lost)

    trend = climb(heap, cycle)
    assert trend.holders == ()
    assert [(one.type, one.counts) for one in trend.types] == [("shop.Lost", (0, 20, 40, 60, 80))]


# ---- measures ----


def test_entries_without_new_objects() -> None:
    heap = Heap()
    one = heap.key(1)
    ints = heap.list(one)
    heap.module("shop", INTS=ints)
    found = only(climb(heap, lambda i: ints.append(one)))
    assert (found.unit, found.values) == ("entries", (1, 21, 41, 61, 81))


def test_a_buffer_grows_by_bytes() -> None:
    heap = Heap()
    text = heap.str("")
    heap.module("shop", TEXT=text)

    def cycle(i: int) -> None:
        text.size += 100

    found = only(climb(heap, cycle))
    assert (found.unit, found.slope.rate) == ("bytes", 100.0)
    assert found.path == "shop.TEXT"


def test_a_length_that_is_stated_counts_as_entries() -> None:
    heap = Heap()
    cache = heap.object("functools._lru_cache_wrapper")
    heap.module("shop", CACHE=cache)
    found = only(climb(heap, lambda i: cache.fact(Fact.LENGTH, i)))
    assert (found.unit, found.values) == ("entries", (0, 19, 39, 59, 79))


def test_large_mappings_have_open_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    heap = Heap()
    rows = heap.dict({f"k{i}": heap.list() for i in range(8)})
    heap.module("shop", ROWS=rows)
    lists = [target for kind, _, target in rows.edges if kind == EdgeKind.VALUE]

    def cycle(i: int) -> None:
        for one in lists:
            one.append(heap.object("shop.Row"))

    heap_paths = [one.path for one in climb(heap, cycle).holders]
    assert len(heap_paths) == 8
    monkeypatch.setattr("leakhunt.analysis.trend.grouping.KEYS_MAX", 7)
    assert only(climb(heap, cycle)).path == "shop.ROWS[*]"


def test_what_drains_when_the_load_stops() -> None:
    heap = Heap()
    queue = heap.list()
    heap.module("shop", QUEUE=queue)
    ladder = Ladder()
    ladder.add(HeapGraph(heap.snap()), "baseline", 0)
    queue.append(*heap.many(50))
    ladder.add_loaded(HeapGraph(heap.snap()))
    for _ in range(30):
        queue.pop()
    ladder.add(HeapGraph(heap.snap()), "final", 20)
    queue.append(*heap.many(20))
    ladder.add(HeapGraph(heap.snap()), "ladder2", 40)
    found = only(ladder.trend())
    assert (found.values, found.drained) == ((0, 20, 40), 30)


def test_values_of_a_node_in_a_snapshot_that_is_gone() -> None:
    heap = Heap()
    kept = heap.list(heap.object())
    heap.module("shop", KEPT=kept)
    ladder = Ladder()
    for x in range(3):
        graph = HeapGraph(heap.snap())
        ladder.add(graph, "", x)
        kept.append(*heap.many(2))
    node = next(v for v in range(graph.node_count) if graph.type_name(v) == "builtins.list")
    assert ladder.values("entries", 2, node) == (1, 3, 5)
    assert ladder.values("objects", 2, node) == (2, 4, 6)
    assert ladder.values("bytes", 2, node) == (56, 56, 56)


@pytest.mark.parametrize("xs", [(0, 1), (0, 1, 1), (2, 1, 0)])
def test_what_is_no_ladder(xs: tuple[int, ...]) -> None:
    heap = Heap()
    heap.module("shop", KEPT=heap.list())
    ladder = Ladder()
    for x in xs:
        ladder.add(HeapGraph(heap.snap()), "", x)
    with pytest.raises(UsageError):
        ladder.trend()


def test_known_noise_comes_last() -> None:
    heap = Heap()
    cache, kept = heap.dict(), heap.list()
    heap.module("linecache", cache=cache)
    heap.module("shop", KEPT=kept)

    def cycle(i: int) -> None:
        cache.put(f"file{i}", heap.object("builtins.tuple", 9000))
        kept.append(heap.object())

    trend = climb(heap, cycle)
    assert [(one.path, one.noise is None) for one in trend.holders] == [
        ("shop.KEPT", True), ("linecache.cache", False),
    ]  # fmt: skip


def test_an_empty_heap_has_a_trend() -> None:
    ladder = Ladder()
    for x in range(3):
        ladder.add(HeapGraph(Heap().snap()), "", x)
    assert ladder.trend().holders == ()


def test_a_container_that_fills_to_its_bound_says_so_and_comes_last() -> None:
    heap = Heap()
    ring = heap.list(type_name="collections.deque").fact(Fact.MAXSIZE, 1000)
    kept = heap.list()
    heap.module("shop", RING=ring, KEPT=kept)

    def cycle(i: int) -> None:
        ring.append(heap.object("shop.Large", 5000))
        kept.append(heap.object("shop.Small"))

    trend = climb(heap, cycle)
    assert [(one.path, one.noise) for one in trend.holders] == [
        ("shop.KEPT", None), ("shop.RING", "bounded at 1,000"),
    ]  # fmt: skip
