"""Who holds what leaks, as drawings: each kind of growth, and its clean twin."""

from __future__ import annotations

import pytest

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.detectors.base import Category, Verdict
from tests.builders import Heap, Obj
from tests.unit.detectors.drawing import CYCLES, leak, only, quiet, run, session

# ---- an old container grows ----


def test_listeners_of_a_bus() -> None:
    heap = Heap()
    tick, function = heap.list(), heap.function()
    bus = heap.object("shop.bus.Bus", listeners=heap.dict({"tick": tick}))
    heap.module("shop.session", BUS=bus, on_tick=function)  # imported first
    heap.module("shop.bus", BUS=bus)
    found = leak(run(heap, lambda _: tick.append(heap.method(session(heap), function))))
    assert found.holder.path == "shop.bus.BUS.listeners['tick']"
    assert (found.holder.size_baseline, found.holder.size_final) == (6, 66)
    assert found.category is Category.LISTENER
    assert found.count_per_cycle == 1.0
    assert found.title == (
        "Unremoved listener: +1 `shop.session.Session` per cycle (+1020 B), "
        "held by `shop.bus.BUS.listeners['tick']` (list, 6 to 66)."
    )
    assert found.retained_bytes == found.exclusive_bytes == CYCLES * (900 + 56 + 64)
    assert found.confidence > 0.9


def test_listeners_that_are_removed() -> None:
    heap = Heap()
    tick, function = heap.list(), heap.function()
    heap.module("shop.bus", LISTENERS=tick, on_tick=function)

    def cycle(_: int) -> None:
        tick.append(heap.method(session(heap), function))
        tick.pop()

    quiet(run(heap, cycle))


def test_a_dict_by_new_keys() -> None:
    heap = Heap()
    cache = heap.dict()
    heap.module("shop", CACHE=cache)
    found = leak(run(heap, lambda i: cache.put(f"request {i}", session(heap))))
    assert found.holder.path == "shop.CACHE"
    assert found.category is Category.CACHE
    assert found.count_per_cycle == 1.0


def test_a_dict_that_replaces_entries_does_not_grow() -> None:
    heap = Heap()
    cache = heap.dict()
    heap.module("shop", CACHE=cache)

    def cycle(i: int) -> None:
        cache.put(f"request {i}", session(heap))
        if i >= 5:
            cache.pop(f"request {i - 5}")

    quiet(run(heap, cycle))


def test_entries_overwritten_in_place_do_not_grow() -> None:
    heap = Heap()
    ring = heap.dict()
    heap.module("shop", RING=ring)
    quiet(run(heap, lambda i: ring.put(i % 5, session(heap))))


def test_a_set_and_a_class_attribute() -> None:
    heap = Heap()
    known = heap.set()
    heap.module("shop", Account=heap.cls("shop.Account", known=known))
    found = leak(run(heap, lambda _: known.add(heap.object("shop.Account"))))
    assert found.holder.path == "shop.Account.known"


def test_growth_by_old_objects_only() -> None:
    heap = Heap()
    codes, code = heap.list(), heap.key(200)
    heap.module("shop", CODES=codes, OK=code)
    found = leak(run(heap, lambda _: codes.append(code, code)))
    assert found.holder.path == "shop.CODES"
    assert found.count_per_cycle == 2.0
    assert [item.type for item in found.leaked] == ["builtins.list"]


def test_a_buffer_that_grows() -> None:
    heap = Heap()
    journal = heap.object("builtins.bytearray", 0)
    heap.module("shop", JOURNAL=journal)

    def cycle(_: int) -> None:
        journal.size += 64
        journal.fact(Fact.LENGTH, journal.size)

    found = leak(run(heap, cycle))
    assert found.holder.path == "shop.JOURNAL"
    assert found.count_per_cycle == 64.0
    assert found.leaked[0].shallow_bytes == 64 * CYCLES


def test_a_text_replaced_by_a_longer_one() -> None:
    heap = Heap()
    module = heap.module("shop", LOG=heap.object("builtins.bytes", 100))
    sizes = iter(range(200, 100_000, 50))
    found = leak(run(heap, lambda _: module.put("LOG", heap.object("builtins.bytes", next(sizes)))))
    assert found.holder.path == "shop.LOG"
    assert "bytes" in found.reason


# ---- a path is the holder ----


def test_a_dict_made_anew_each_time() -> None:
    heap = Heap()
    entries: dict[str | int, Obj] = {}
    module = heap.module("shop", STATE=heap.dict())

    def cycle(i: int) -> None:
        entries[f"entry {i}"] = heap.object("shop.Entry")
        module.put("STATE", heap.dict(entries))

    found = leak(run(heap, cycle))
    assert found.holder.path == "shop.STATE"
    assert (found.holder.size_baseline, found.holder.size_final) == (6, 66)
    assert found.count_per_cycle == 1.0


def test_a_dict_made_anew_of_the_same_size() -> None:
    heap = Heap()
    module = heap.module("shop", STATE=heap.dict())

    def cycle(_: int) -> None:
        module.put("STATE", heap.dict({n: session(heap) for n in range(50)}))

    quiet(run(heap, cycle))


def test_state_below_a_literal_index() -> None:
    heap = Heap()
    entries: dict[str | int, Obj] = {}
    states = heap.list(heap.dict(), heap.dict())
    heap.module("shop", STATES=states)

    def cycle(i: int) -> None:
        entries[f"entry {i}"] = heap.object("shop.Entry")
        states.edges[1] = (EdgeKind.INDEX, 1, heap.dict(entries))

    assert leak(run(heap, cycle)).holder.path == "shop.STATES[1]"


@pytest.mark.parametrize("through_dict", [False, True])
def test_a_linked_list(through_dict: bool) -> None:
    heap = Heap()
    module = heap.module("shop", HEAD=heap.object("shop.Node"))

    def cycle(_: int) -> None:
        before = module.heap.module("shop").edges[-1][2]
        node = heap.object("shop.Node", step=heap.list())
        if through_dict:
            node.field("__dict__", heap.dict({"next": before}))
        else:
            node.set(next=before)
        module.put("HEAD", node)

    found = leak(run(heap, cycle))
    assert found.holder.path == "shop.HEAD"
    assert found.count_per_cycle == 1.0
    assert found.retaining_path[-1].edge.startswith("(.")
    assert found.retaining_path[-1].edge.endswith(")*")


def test_a_linked_list_that_is_cut() -> None:
    heap = Heap()
    nodes: list[Obj] = []
    module = heap.module("shop", HEAD=heap.object("shop.Node"))

    def cycle(_: int) -> None:
        node = heap.object("shop.Node")
        if nodes:
            node.set(next=nodes[-1])
        nodes.append(node)
        if len(nodes) > 4:
            nodes[-4].edges.clear()
        module.put("HEAD", node)

    quiet(run(heap, cycle))


def test_a_container_made_during_the_load() -> None:
    heap = Heap()
    made: list[Obj] = []
    module = heap.module("shop", X=heap.list())

    def cycle(i: int) -> None:
        if i == 6:
            made.append(heap.dict())
            module.put("LATE", made[0])
        if made:
            made[0].put(f"k{i}", session(heap))

    found = leak(run(heap, cycle))
    assert found.holder.path == "shop.LATE"
    assert found.holder.size_baseline is None


# ---- siblings ----


def test_many_siblings_that_grow_a_little_each() -> None:
    heap = Heap()
    users = [heap.list() for _ in range(12)]
    heap.module("shop", BY_USER=heap.dict({f"user {n}": made for n, made in enumerate(users)}))
    found = leak(run(heap, lambda i: users[i % 12].append(session(heap))))
    assert found.holder.path == "shop.BY_USER[*]"
    assert found.count_per_cycle == 1.0


def test_attributes_replaced_in_many_siblings() -> None:
    heap = Heap()
    users = [heap.object("shop.User", seen=heap.object("builtins.float", 24)) for _ in range(80)]
    heap.module("shop", USERS=heap.list(*users))

    def cycle(_: int) -> None:
        for user in users:
            user.set(seen=heap.object("builtins.float", 24))

    quiet(run(heap, cycle))


def test_one_sibling_keeps_its_key() -> None:
    heap = Heap()
    shards = [heap.list() for _ in range(5)]
    heap.module("shop", SHARDS=heap.list(*shards))
    assert leak(run(heap, lambda _: shards[2].append(session(heap)))).holder.path == (
        "shop.SHARDS[2]"
    )


# ---- several holders ----


def test_a_list_and_an_index_are_both_named() -> None:
    heap = Heap()
    orders, by_number = heap.list(), heap.dict()
    heap.module("shop", ORDERS=orders, BY_NUMBER=by_number)

    def cycle(i: int) -> None:
        order = heap.object("shop.Order", 100)
        orders.append(order)
        by_number.put(i, order)

    result = run(heap, cycle)
    found = next(f for f in result.findings if f.holder.path == "shop.ORDERS")
    assert found.verdict is Verdict.LEAK
    assert [c.path for c in found.co_holders] == ["shop.BY_NUMBER"]
    assert (found.co_holders[0].size_baseline, found.co_holders[0].size_final) == (6, 66)
    assert found.exclusive_bytes == 0
    assert found.retained_bytes == 100 * CYCLES


def test_weak_references_retain_nothing() -> None:
    heap = Heap()
    refs = heap.list()
    heap.module("shop", REFS=refs)

    def cycle(_: int) -> None:
        refs.append(heap.object("weakref.ReferenceType").weak(session(heap)))
        refs.pop() if len(refs.edges) > 3 else None

    quiet(run(heap, cycle))


def test_a_weak_registry_follows_the_leak() -> None:
    heap = Heap()
    held, refs = heap.list(), heap.dict()
    heap.module("shop", HELD=held, REFS=refs)

    def cycle(i: int) -> None:
        made = session(heap)
        held.append(made)
        refs.put(i, heap.object("weakref.KeyedRef").weak(made))

    assert leak(run(heap, cycle)).holder.path == "shop.HELD"


# ---- roots ----


def test_a_module_is_named_rather_than_a_frame() -> None:
    heap = Heap()
    jobs = heap.list()
    heap.frame("thread 'MainThread', serve() at app.py", 31, jobs=jobs)
    heap.module("shop", JOBS=jobs)
    assert leak(run(heap, lambda _: jobs.append(session(heap)))).holder.path == "shop.JOBS"


def test_a_local_of_a_running_frame() -> None:
    heap = Heap()
    jobs = heap.list()
    heap.frame("thread 'MainThread', serve() at app.py", 31, jobs=jobs)
    found = leak(run(heap, lambda _: jobs.append(session(heap))))
    assert found.holder.path == "thread 'MainThread', serve() at app.py:31, local 'jobs'"


def test_known_noise_that_warms_up_is_no_leak() -> None:
    heap = Heap()
    cache = heap.dict()
    heap.module("linecache", cache=cache)
    found = only(run(heap, lambda i: cache.put(f"{i}.py", heap.list()) if i % 4 else None))
    assert found.verdict is Verdict.SUSPECT
    assert found.noise == "source lines kept for tracebacks"


@pytest.mark.parametrize(
    ("module", "name"),
    [("linecache", "cache"), ("encodings", "_cache"), ("shop", "__warningregistry__")],
)
def test_noise_fed_a_new_name_in_each_cycle_is_a_leak(module: str, name: str) -> None:
    heap = Heap()
    cache = heap.dict()
    heap.module(module, **{name: cache})
    found = leak(run(heap, lambda i: cache.put(f"<generated {i}>", heap.list())))
    assert found.holder.path == f"{module}.{name}"
    assert found.noise is None


def test_noise_that_is_a_warm_up_by_nature_is_never_a_leak() -> None:
    heap = Heap()
    files = heap.dict()
    heap.module("inspect", modulesbyfile=files)
    found = only(run(heap, lambda i: files.put(f"{i}.py", heap.list())))
    assert found.verdict is Verdict.SUSPECT


def test_interpreter_state() -> None:
    heap = Heap()
    search = heap.list()
    root = heap.root(RootKind.INTERPRETER, "interpreter")
    root.edges.append((EdgeKind.FIELD, "codec_search_path", search))
    found = leak(run(heap, lambda _: search.append(heap.function())))
    assert found.holder.path == "interpreter.codec_search_path"
