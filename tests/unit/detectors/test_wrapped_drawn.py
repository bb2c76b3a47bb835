"""What entries keep inside says what a growing container is for."""

from __future__ import annotations

import pytest

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.detectors.base import Category
from tests.builders import Heap, Obj
from tests.unit.detectors.drawing import CYCLES, leak, run

PENDING, DONE = 0, 2


def future(heap: Heap, state: int = PENDING, type_name: str = "_asyncio.Future") -> Obj:
    return heap.object(type_name, 100).fact(Fact.STATE, state)


# ---- pending ----


@pytest.mark.parametrize(("state", "category"), [(PENDING, "pending"), (DONE, "cache")])
def test_futures_in_boxes_are_pending_until_they_are_done(state: int, category: str) -> None:
    heap = Heap()
    pings = heap.dict()
    heap.module("shop", PINGS=pings)

    def cycle(i: int) -> None:
        pings.put(f"{i:08x}", heap.tuple(future(heap, state), heap.object("builtins.float")))

    assert leak(run(heap, cycle)).category is Category(category)


@pytest.mark.parametrize(("state", "category"), [(PENDING, "pending"), (DONE, "collection")])
def test_objects_that_each_run_a_task_are_pending_until_it_ends(state: int, category: str) -> None:
    heap = Heap()
    jobs = heap.list()
    heap.module("shop", JOBS=jobs)

    def cycle(_: int) -> None:
        task = future(heap, state, "_asyncio.Task")
        inner = heap.dict({"task": task, "name": heap.str("job")})
        jobs.append(heap.object("shop.Job").field("__dict__", inner))

    assert leak(run(heap, cycle)).category is Category(category)


def test_a_connection_with_a_task_of_its_own_is_to_be_closed() -> None:
    heap = Heap()
    clients = heap.list()
    heap.module("shop", CLIENTS=clients)

    def cycle(_: int) -> None:
        session = heap.object("aiohttp.client.ClientSession", 900)
        task = future(heap, type_name="_asyncio.Task")
        clients.append(heap.object("shop.Client", session=session, task=task))

    assert leak(run(heap, cycle)).category is Category.STREAM


# ---- listeners ----


def test_objects_that_wrap_a_method_of_another_are_listeners() -> None:
    heap = Heap()
    nodes, function = heap.dict(), heap.function()
    heap.module("shop", CHILDREN=nodes)

    def cycle(i: int) -> None:
        method = heap.method(heap.object("shop.Session", 900), function)
        nodes.put(f"topic {i}", heap.object("shop.Node", children=heap.dict(), content=method))

    found = leak(run(heap, cycle))
    assert (found.category, found.holder.path) == (Category.LISTENER, "shop.CHILDREN")


def test_objects_of_many_attributes_or_with_their_own_method_are_entries_of_a_cache() -> None:
    heap = Heap()
    rich, own, function = heap.dict(), heap.dict(), heap.function()
    heap.module("shop", RICH=rich, OWN=own)

    def cycle(i: int) -> None:
        other = heap.method(heap.object("shop.Clock"), function)
        fields = {f"field_{n}": heap.object("builtins.float") for n in range(6)}
        rich.put(f"user {i}", heap.object("shop.User", tick=other).set(**fields))
        page = heap.object("shop.Page")
        own.put(f"page {i}", page.set(render=heap.method(page, function)))

    assert {f.category for f in run(heap, cycle).findings} == {Category.CACHE}


def test_what_waits_on_an_event_of_gevent_is_told_from_its_listeners() -> None:
    def kind(link: str) -> Category:
        heap = Heap()
        links = heap.list()
        event = heap.object("gevent._gevent_cevent.Event").field("links", links)
        heap.module("shop", STOP=event)
        return leak(run(heap, lambda _: links.append(heap.object(link)))).category

    assert kind("builtins.method") is Category.LISTENER
    assert kind("builtins.builtin_function_or_method") is Category.PENDING


# ---- streams ----


@pytest.mark.parametrize(("consumed", "category"), [(0, "stream"), (1, "collection")])
def test_a_response_that_was_read_is_not_open(consumed: int, category: str) -> None:
    heap = Heap()
    flags = heap.many(2, "builtins.bool")
    calls, flag = heap.list(), flags[consumed]
    heap.module("builtins", **dict(zip(("False", "True"), flags, strict=True)))
    heap.module("shop", CALLS=calls)

    def cycle(_: int) -> None:
        response = heap.object("requests.models.Response", 900, _content_consumed=flag)
        calls.append(heap.list(heap.object("shop.Request"), response, type_name="shop.Call"))

    assert leak(run(heap, cycle)).category is Category(category)


# ---- growth in C code ----


def test_what_hangs_from_a_lost_object_is_lost_with_it() -> None:
    heap = Heap()

    def cycle(_: int) -> None:
        traceback = heap.object("builtins.traceback", 56, tb_frame=heap.object("shop.Order", 900))
        traceback.native = 1

    found = leak(run(heap, cycle))
    assert [(leaked.type, leaked.count) for leaked in found.leaked] == [
        ("builtins.traceback", CYCLES),
        ("shop.Order", CYCLES),
    ]
    assert (found.retained_bytes, found.bytes_per_cycle) == (956 * CYCLES, 956)


def test_references_to_what_the_standard_library_names_are_a_note() -> None:
    heap = Heap()
    zone = heap.object("datetime.timezone")
    heap.module("datetime", UTC=zone)

    def cycle(_: int) -> None:
        zone.native += 3

    result = run(heap, cycle)
    assert result.findings == ()
    (note,) = [line for line in result.notes if "datetime.UTC" in line]
    assert "a module of the standard library keeps it anyway" in note


@pytest.mark.parametrize(("attribute", "findings"), [("validate", 1), ("__dict__", 2)])
def test_texts_in_fields_of_types_written_in_c_leak_with_them(
    attribute: str, findings: int
) -> None:
    heap = Heap()
    kept = heap.list()
    kind = heap.cls("ext.Schema", **{attribute: heap.object("builtins.getset_descriptor")})
    heap.module("shop", KEPT=kept, Schema=kind)
    heap.snap()

    def cycle(i: int) -> None:
        kept.append(heap.object("ext.Schema"))
        if i >= 6:  # those of the warm-up were there before
            heap.unreached.append(("builtins.str", 61))

    assert len(run(heap, cycle).findings) == findings


def test_weak_references_that_pandas_prunes_are_no_leak() -> None:
    heap = Heap()
    blocks = heap.list()
    index = heap.object("pandas.core.indexes.base.Index")
    references = heap.object("pandas._libs.internals.BlockValuesRefs")
    references.link(EdgeKind.UNKNOWN, 0, blocks)
    heap.module("shop", INDEX=index.set(_references=references))
    (found,) = run(heap, lambda _: blocks.append(heap.object("weakref.ReferenceType"))).findings
    assert found.verdict.name == "NOT"
    assert "pandas prunes" in found.reason
