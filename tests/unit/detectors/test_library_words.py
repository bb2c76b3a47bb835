"""Rows of libraries speak of the right object: its owner, its key, what it keeps inside."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from tests.builders import Heap, Obj
from tests.unit.detectors.drawing import leak, run


def listener(heap: Heap) -> Obj:
    return heap.object("builtins.method").field("__self__", heap.object("shop.Session", 900))


def test_an_owner_is_found_behind_its_dict() -> None:
    heap = Heap()
    receivers, inner = heap.dict(), heap.dict()
    inner.put("receivers", receivers)
    heap.module("shop", SAVED=heap.object("blinker.base.Signal").field("__dict__", inner))
    found = leak(run(heap, lambda i: receivers.put(i, listener(heap))))
    assert found.holder.path == "shop.SAVED.receivers"
    assert "`shop.SAVED.disconnect(receiver)` when the `shop.Session`" in found.advice


def test_what_has_no_name_of_its_own_is_just_done_with() -> None:
    heap = Heap()
    by_receiver = heap.dict()
    signal = heap.object("blinker.base.Signal").set(_by_receiver=by_receiver)
    heap.module("shop", SAVED=signal)
    found = leak(run(heap, lambda i: by_receiver.put(f"{i}", heap.list())))
    assert "disconnect(receiver)` when it is done with" in found.advice


def test_the_key_nearest_to_the_owner_is_the_name_of_a_trait() -> None:
    heap = Heap()
    notifiers = heap.list()
    by_type = heap.dict().put("change", notifiers)
    by_name = heap.dict().put("level", by_type)
    config = heap.object("traitlets.traitlets.HasTraits").set(_trait_notifiers=by_name)
    heap.module("shop", CONFIG=config)
    found = leak(run(heap, lambda _: notifiers.append(listener(heap))))
    assert "`shop.CONFIG.unobserve(handler, names=['level'])`" in found.advice


def test_a_client_is_told_of_the_session_inside_it() -> None:
    heap = Heap()
    clients = heap.list()
    heap.module("shop", CLIENTS=clients)

    def cycle(_: int) -> None:
        clients.append(heap.object("shop.Api", http=heap.object("requests.sessions.Session", 900)))

    found = leak(run(heap, cycle))
    assert found.category is Category.STREAM
    assert found.title.startswith("Unclosed session: +1 `shop.Api`")
    assert "`with requests.Session() as session`" in found.advice


def test_a_wrapper_without_close_is_told_of_the_stream_inside_it() -> None:
    heap = Heap()
    readers = heap.list()
    heap.module("shop", READERS=readers)

    def cycle(_: int) -> None:
        readers.append(heap.object("shop.Reader", file=heap.object("_io.FileIO", 900)))

    found = leak(run(heap, cycle))
    assert found.category is Category.STREAM
    assert "Close the `_io.FileIO` in each `shop.Reader` of `shop.READERS`" in found.advice


def test_thread_locals_of_one_thread_are_told_from_a_cache() -> None:
    heap = Heap()
    state = heap.dict()
    heap.module("shop", STATE=state)
    found = leak(run(heap, lambda i: state.put(f"{i}", heap.object("_thread._localdummy"))))
    assert found.category is Category.THREAD
    assert "`threading.local()` once" in found.advice
