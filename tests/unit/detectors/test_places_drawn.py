"""Drawings of places that are easily misnamed or misjudged, each with its clean twin."""

from __future__ import annotations

import pytest

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.detectors.base import Category, Verdict
from leakhunt.detectors.investigate import CaseSnapshots, Investigation, investigate
from tests.builders import Heap, Obj
from tests.unit.detectors.drawing import CYCLES, leak, only, quiet, run

# ---- structures made of one type ----


def grow_tree(heap: Heap, root: Obj) -> Obj:
    """Give the shallowest link with a free side one more; returns it."""
    queue = [root]
    for at in queue:
        sides = {name: t for kind, name, t in at.edges if kind == EdgeKind.ATTR}
        for side in ("left", "right"):
            if side not in sides:
                made = heap.object("shop.Tree")
                at.set(**{side: made})
                return made
            queue.append(sides[side])
    raise AssertionError


def test_a_tree_is_one_place() -> None:
    heap = Heap()
    root = heap.object("shop.Tree")
    heap.module("shop", INDEX=heap.object("shop.Index", root=root))
    for _ in range(20):
        grow_tree(heap, root)
    found = leak(run(heap, lambda _: grow_tree(heap, root)))
    assert found.holder.path == "shop.INDEX.root"
    assert found.count_per_cycle == 1.0
    assert found.retained_bytes == found.exclusive_bytes == 48 * CYCLES
    assert found.retaining_path[-1].edge == "(.left|.right)*"


def test_two_parts_of_a_tree_that_each_collect_stay_two() -> None:
    heap = Heap()
    parts = [heap.object("shop.Panel", inside=heap.list()) for _ in range(3)]
    top = heap.object("shop.Panel", inside=heap.list(*parts))
    heap.module("shop", TOP=top)

    def cycle(_: int) -> None:
        for part, many in ((parts[0], 1), (parts[1], 2)):
            part.edges[0][2].append(*heap.many(many, "shop.Panel"))

    result = run(heap, cycle)
    leaks = {f.holder.path for f in result.findings if f.verdict is Verdict.LEAK}
    assert leaks == {"shop.TOP.inside[0].inside", "shop.TOP.inside[1].inside"}


def test_a_list_linked_at_its_tail_is_named_by_its_head() -> None:
    heap = Heap()
    links = [heap.object("shop.Link")]
    heap.module("shop", QUEUE=heap.object("shop.Queue", head=links[0]))

    def cycle(_: int) -> None:
        links.append(heap.object("shop.Link"))
        links[-2].set(next=links[-1])

    found = leak(run(heap, cycle))
    assert found.holder.path == "shop.QUEUE.head"
    assert found.retaining_path[-1].edge == "(.next)*"
    assert found.exclusive_bytes == found.retained_bytes == 48 * CYCLES


# ---- few newborns that each grow ----


def test_containers_made_in_the_load_that_grow() -> None:
    heap = Heap()
    by_day = heap.dict()
    heap.module("shop", BY_DAY=by_day)
    days: list[Obj] = []

    def cycle(i: int) -> None:
        if 6 <= i < 10:
            days.append(heap.object("shop.Day", orders=heap.list()))
            by_day.put(f"day {i}", days[-1])
        if days:
            days[i % len(days)].edges[0][2].append(heap.object("shop.Order"))

    found = leak(run(heap, cycle))
    assert found.holder.path == "shop.BY_DAY[*].orders"
    assert found.count_per_cycle == 1.0


def test_entries_with_parts_are_not_looked_into() -> None:
    heap = Heap()
    orders = heap.dict()
    heap.module("shop", ORDERS=orders)
    found = leak(run(heap, lambda i: orders.put(f"n{i}", heap.list(*heap.many(10)))))
    assert found.holder.path == "shop.ORDERS"
    assert found.count_per_cycle == 1.0


# ---- what lets go of old entries ----


def ring(slot_count: int) -> Investigation:
    heap = Heap()
    empty = heap.object("builtins.NoneType", 16)
    slots = heap.list(*[empty] * slot_count)
    heap.module("shop", RING=slots)

    def cycle(i: int) -> None:
        made = heap.list(heap.object("shop.Event"))
        at = i % slot_count
        slots.edges[at] = (EdgeKind.INDEX, at, made)

    return run(heap, cycle)


def test_a_ring_is_bounded_by_its_slots() -> None:
    quiet(ring(16))  # full
    quiet(ring(200))  # still filling


def test_slots_that_grow_themselves() -> None:
    heap = Heap()
    slots = heap.list(*[heap.tuple() for _ in range(3)])
    heap.module("shop", SLOTS=slots)

    def cycle(i: int) -> None:
        old = slots.edges[i % 3][2]
        kept = [target for _, _, target in old.edges]
        made = heap.tuple(*kept, heap.object("shop.Event"))
        slots.edges[i % 3] = (EdgeKind.INDEX, i % 3, made)

    assert leak(run(heap, cycle)).holder.path.startswith("shop.SLOTS")


def batches(size: int) -> Investigation:
    heap = Heap()
    batch = heap.list()
    heap.module("shop", BATCH=batch)

    def cycle(_: int) -> None:
        batch.append(heap.object("shop.Row"))
        if len(batch.edges) >= size:
            batch.edges.clear()

    return run(heap, cycle)


def test_a_batch_that_stands_high_each_time_one_looks() -> None:
    # 6 rows at the baseline, 9 at the window (26 % 17), 15 at the end (66 % 17)
    found = only(batches(17))
    assert found.verdict is Verdict.SUSPECT
    assert "0 are left" in found.reason


def test_a_backlog_that_grows_in_each_cycle_is_a_leak() -> None:
    heap = Heap()
    jobs = heap.list()
    heap.module("shop", JOBS=jobs)

    def cycle(_: int) -> None:
        jobs.append(*heap.many(3, "shop.Job"))
        jobs.pop()
        jobs.pop()

    assert leak(run(heap, cycle)).count_per_cycle == 1.0


# ---- buffers ----


def test_a_buffer_inside_an_object_that_counts_it() -> None:
    heap = Heap()
    inner = heap.object("builtins.bytes", 100)
    out = heap.object("_io.BytesIO", 150).field("buffer", inner)
    heap.module("shop", OUT=out)

    def cycle(_: int) -> None:
        inner.size += 64
        out.size += 64

    found = leak(run(heap, cycle))
    assert found.holder.path == "shop.OUT"
    assert found.title == "Growing buffer: `shop.OUT` (_io.BytesIO) grew by 64 B per cycle."
    assert found.count_per_cycle == 0
    assert found.advice.startswith("Empty `shop.OUT`")


def test_a_text_set_for_the_first_time_in_the_load() -> None:
    heap = Heap()
    report = heap.object("shop.Report")
    heap.module("shop", REPORT=report)

    def cycle(i: int) -> None:
        if i >= 6:
            report.set(text=heap.object("builtins.str", 50 * (i - 4)))

    found = leak(run(heap, cycle))
    assert found.holder.path == "shop.REPORT.text"


def test_the_table_of_an_emptied_dict_is_no_buffer() -> None:
    heap = Heap()
    table = heap.dict()
    heap.module("shop", CACHE=table)

    def cycle(_: int) -> None:
        table.size += 64

    quiet(run(heap, cycle))


# ---- names ----


@pytest.mark.parametrize("key", ["weakref.ReferenceType", "_thread._localdummy"])
def test_a_thread_local_is_written_as_an_attribute(key: str) -> None:
    heap = Heap()
    queries = heap.list()
    of_thread = heap.dict({"queries": queries})
    dummy = heap.object(key)
    local = heap.object("_thread._local").field("dicts", heap.dict().put(dummy, of_thread))
    heap.module("shop", LOCAL=local)
    found = leak(run(heap, lambda _: queries.append(heap.object("shop.Query"))))
    assert found.holder.path == "shop.LOCAL.queries"


def test_a_context_variable_of_the_only_thread() -> None:
    heap = Heap()
    trace = heap.list()
    inner = heap.object("builtins.hamt_bitmap_node").link(EdgeKind.ATTR, "trace", trace)
    tree = heap.object("builtins.hamt").field("root", inner)
    context = heap.object("_contextvars.Context").field("vars", tree)
    thread = heap.root(RootKind.THREAD, "thread 140447075548032")
    thread.edges.append((EdgeKind.FIELD, "context", context))
    found = leak(run(heap, lambda _: trace.append(heap.object("shop.Span"))))
    assert found.holder.path == "thread 'MainThread'.context.trace"


def test_objects_that_each_have_a_class_are_called_by_it() -> None:
    heap = Heap()
    known = heap.list()
    heap.module("shop", KNOWN=known)

    def cycle(i: int) -> None:
        name = f"shop.Dto{i}"
        heap.cls(name)
        known.append(heap.object(name))

    found = leak(run(heap, cycle))
    assert found.category is Category.CLASS
    assert "`builtins.type`" in found.title


# ---- what C code keeps ----


def test_a_chain_of_callables_held_by_c_code() -> None:
    heap = Heap()
    handlers = [heap.function()]
    handlers[0].native = 1

    def cycle(_: int) -> None:
        handlers[-1].native = 0
        handlers.append(heap.function(old=handlers[-1]))
        handlers[-1].native = 1

    found = leak(run(heap, cycle))
    assert found.holder.path == "<native hold> builtins.function"
    assert found.category is Category.CLOSURE
    assert found.count_per_cycle == 1.0


def held_by_c_code(heap: Heap) -> Obj:
    registry = heap.dict()
    registry.native = 1
    return registry


def test_a_registry_in_a_variable_of_c_code() -> None:
    heap = Heap()
    registry = held_by_c_code(heap)
    found = leak(run(heap, lambda i: registry.put(f"prefix {i}", heap.function())))
    assert found.holder.path == "<native hold> builtins.dict"
    assert found.noise is None


def test_what_c_code_keeps_now_and_then_is_no_leak() -> None:
    heap = Heap()
    registry = held_by_c_code(heap)
    result = run(heap, lambda i: registry.put(f"prefix {i}", heap.function()) if i % 4 else None)
    assert only(result).verdict is Verdict.SUSPECT
    assert only(result).noise is not None


def test_weak_followers_explain_nothing_that_c_code_holds() -> None:
    heap = Heap()
    subclasses = heap.dict()
    heap.module("shop", SUBCLASSES=subclasses)

    def cycle(i: int) -> None:
        made = heap.object("shop.Model")
        heap.dict({"__self__": made}).native = 1
        subclasses.put(i, heap.object("weakref.ReferenceType").weak(made))

    found = leak(run(heap, cycle))
    assert found.category is Category.NATIVE
    assert "shop.Model" in {one.type for one in found.leaked}


@pytest.mark.parametrize(
    ("keeps_extension", "category"), [(True, Category.NATIVE), (False, Category.CLOSURE)]
)
def test_callables_that_c_code_holds(keeps_extension: bool, category: Category) -> None:
    heap = Heap()
    heap.cls("shop.Widget", __dict__=heap.object("builtins.getset_descriptor"))

    def cycle(_: int) -> None:
        kept = heap.object("core.Validator" if keeps_extension else "shop.Widget")
        heap.function(kept=kept).native = 1

    assert leak(run(heap, cycle)).category is category


# ---- what a bound or the collector hides ----


@pytest.mark.parametrize(
    ("kept", "verdict"), [("builtins.frame", Verdict.SUSPECT), ("shop.Row", Verdict.NOT)]
)
def test_a_bounded_cache_of_frames(kept: str, verdict: Verdict) -> None:
    heap = Heap()
    cache = heap.dict()
    wrapper = heap.object("functools._lru_cache_wrapper").field("cache", cache)
    heap.module("shop", schema_of=wrapper.fact(Fact.MAXSIZE, 1000))

    def cycle(i: int) -> None:
        cache.put(f"key {i}", heap.tuple(heap.object(kept)))
        wrapper.fact(Fact.LENGTH, i + 1)

    (found,) = run(heap, cycle).findings
    assert (found.category, found.verdict) == (Category.CACHE, verdict)
    assert ("frame" in found.reason) == (verdict is Verdict.SUSPECT)


def test_what_the_collector_keeps() -> None:
    heap = Heap()
    garbage = heap.list()
    heap.module("gc", garbage=garbage)
    baseline = heap.snap("baseline")
    window = baseline
    waiting: list[Obj] = []
    for i in range(CYCLES):
        window = heap.snap("window") if i == CYCLES // 3 else window
        waiting.append(heap.object("shop.Node"))
        heap.collectable(waiting[-1])
    loaded = heap.snap("loaded")
    for one in waiting:  # DEBUG_SAVEALL
        garbage.append(one)
    snapshots = CaseSnapshots(baseline, heap.snap("final"), loaded, window, CYCLES, CYCLES // 3)
    found = leak(investigate(snapshots))
    assert (found.holder.path, found.category) == ("gc.garbage", Category.CYCLE)


# ---- noise ----


def import_a_module(heap: Heap, name: str, *, is_file: bool) -> None:
    heap.module(name, **({"__file__": heap.str(name)} if is_file else {}))


def test_lazy_imports_are_no_leak() -> None:
    heap = Heap()
    heap.module("shop")
    result = run(heap, lambda i: import_a_module(heap, f"m{i}", is_file=True) if i % 4 else None)
    assert only(result).verdict is Verdict.SUSPECT


def test_modules_made_in_each_cycle_are_one() -> None:
    heap = Heap()
    heap.module("shop")
    found = leak(run(heap, lambda i: import_a_module(heap, f"m{i}", is_file=False)))
    assert found.holder.path == "sys.modules"
    assert "`builtins.module`" in found.title


def test_interned_strings_of_somebody_else_are_not_mentioned() -> None:
    heap = Heap()
    names, interned = heap.set(), heap.dict()
    heap.module("shop", NAMES=names)
    heap.root(RootKind.INTERPRETER, "interpreter").edges.append(
        (EdgeKind.FIELD, "cached_objects.interned_strings", interned)
    )

    def cycle(i: int) -> None:
        name = heap.str(f"metric {i}")
        names.add(name)
        interned.put(name, name)

    assert leak(run(heap, cycle)).holder.path == "shop.NAMES"


def test_a_tree_that_is_started_again() -> None:
    heap = Heap()
    index = heap.object("shop.Index", root=heap.object("shop.Tree"))
    heap.module("shop", INDEX=index)
    state = {"count": 0}

    def cycle(_: int) -> None:
        state["count"] += 1
        if state["count"] >= 17:
            state["count"] = 0
            index.set(root=heap.object("shop.Tree"))
        grow_tree(heap, index.edges[0][2])

    result = run(heap, cycle)
    assert [f.title for f in result.findings if f.verdict is Verdict.LEAK] == []


def test_a_subclass_of_thread_local() -> None:
    heap = Heap()
    queries = heap.list()
    of_thread = heap.dict({"queries": queries})
    dummy = heap.object("weakref.ReferenceType")
    trace = heap.object("shop.Trace").field("dicts", heap.dict().put(dummy, of_thread))
    heap.module("shop", TRACE=trace)
    found = leak(run(heap, lambda _: queries.append(heap.object("shop.Query"))))
    assert found.holder.path == "shop.TRACE.queries"
