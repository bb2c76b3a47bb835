"""The word for each mechanism, from a drawing of what accumulates."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.comparison import Comparison
from leakhunt.analysis.holders import HolderFinder
from leakhunt.detectors.base import Category
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.registry import diagnose
from leakhunt.detectors.suspect import Scene, Suspect
from tests.builders import Heap, Obj

Make = Callable[[Heap], Obj]


def claim_on(make: Make, *, mapping: bool = False, holder_name: str = "THINGS") -> Claim:
    heap = Heap()
    held = heap.dict() if mapping else heap.list()
    heap.module("shop", OWNER=heap.object("shop.Owner").set(**{holder_name: held}))
    before = heap.snap()
    for i in range(30):
        if mapping:
            held.put(f"key {i}", make(heap))
        else:
            held.append(make(heap))
    comparison = Comparison(before, heap.snap(), cycles=30)
    (holder,) = HolderFinder(comparison).find()
    return diagnose(Suspect(Scene(comparison.final), holder))


def accumulate(make: Make, *, mapping: bool = False, holder_name: str = "THINGS") -> Category:
    return claim_on(make, mapping=mapping, holder_name=holder_name).category


def pending(heap: Heap) -> Obj:
    return heap.object("_asyncio.Future").fact(Fact.STATE, 0)


def finished(heap: Heap) -> Obj:
    return heap.object("_asyncio.Future").fact(Fact.STATE, 2)


def method(heap: Heap) -> Obj:
    return heap.method(heap.object("shop.Session"), heap.function())


def closure(heap: Heap) -> Obj:
    return heap.object("builtins.cell").field("cell_contents", heap.list())


def error(heap: Heap) -> Obj:
    frame = heap.object("builtins.traceback")
    return heap.object("builtins.ValueError").field("__traceback__", frame)


def open_file(heap: Heap) -> Obj:
    return heap.object("_io.TextIOWrapper", raw=heap.object("_io.FileIO"))


def made_class(heap: Heap) -> Obj:
    return heap.object("shop.Meta").field("__mro__", heap.tuple())


@pytest.mark.parametrize(
    ("make", "category"),
    [
        (lambda h: h.object("shop.Visit"), Category.COLLECTION),
        (method, Category.LISTENER),
        (lambda h: h.tuple(h.key(1), method(h)), Category.LISTENER),
        (lambda h: h.object("shop.Hook", callback=h.function()), Category.LISTENER),
        (lambda h: h.object("asyncio.events.TimerHandle"), Category.TIMER),
        (lambda h: h.object("sched.Event"), Category.TIMER),
        (pending, Category.PENDING),
        (finished, Category.COLLECTION),
        (lambda h: h.object("builtins.coroutine"), Category.PENDING),
        (open_file, Category.STREAM),
        (lambda h: h.object("sqlite3.Connection"), Category.STREAM),
        (lambda h: h.object("socket.socket").fact(Fact.FD, -1), Category.COLLECTION),
        (lambda h: h.object("logging.LogRecord"), Category.LOG),
        (error, Category.LOG),
        (lambda h: h.object("threading.Thread"), Category.THREAD),
        (lambda h: h.object("builtins.type"), Category.CLASS),
        (made_class, Category.CLASS),
        (closure, Category.CLOSURE),
    ],
)
def test_in_a_list(make: Make, category: Category) -> None:
    assert accumulate(make) is category


@pytest.mark.parametrize(
    ("make", "category"),
    [
        (lambda h: h.object("shop.Page"), Category.CACHE),
        (lambda h: h.list(h.function()), Category.LISTENER),
        (lambda h: h.object("concurrent.futures._base.Future"), Category.PENDING),
        (lambda h: h.object("sqlite3.Connection"), Category.STREAM),
        (lambda h: h.object("logging.Logger"), Category.CLASS),
    ],
)
def test_in_a_mapping(make: Make, category: Category) -> None:
    assert accumulate(make, mapping=True) is category


def test_a_name_helps() -> None:
    assert accumulate(lambda h: h.object("shop.Sub"), holder_name="_listeners") is (
        Category.LISTENER
    )


def test_a_log_handler_is_not_called_a_record() -> None:
    claim = claim_on(lambda heap: heap.object("logging.Handler"))
    assert (claim.category, claim.noun) == (Category.LOG, "Log handler never removed")


@pytest.mark.parametrize(
    ("unread", "category", "noun"),
    [(1, Category.CLOSURE, "Dead capture"), (0, Category.COLLECTION, None)],
)
def test_suspended_generators_that_keep_what_nothing_reads(
    unread: int, category: Category, noun: str | None
) -> None:
    def suspended(heap: Heap) -> Obj:
        code = heap.object("builtins.code")
        code.field("co_localsplusnames", heap.tuple(heap.str("page")))
        made = heap.object("builtins.generator").field("code", code)
        made.link(EdgeKind.LOCAL, "page", heap.object("shop.Page"))
        return made.fact(Fact.UNREAD, unread) if unread else made

    claim = claim_on(suspended)
    assert (claim.category, claim.noun) == (category, noun)
