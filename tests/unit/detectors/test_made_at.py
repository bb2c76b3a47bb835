"""Where a leaked population is written, from the heap alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from leakhunt.agent.format import Fact
from leakhunt.analysis.sites import Site
from leakhunt.detectors.investigate import CaseSnapshots, investigate
from tests.builders import Heap, Obj

CYCLES = 30
LIBRARY = "/usr/lib/python3.12/site-packages/pyee/base.py"


def function(heap: Heap, name: str, line: int, file: str = "/app/shop.py") -> Obj:
    code = heap.object("builtins.code").field("co_filename", heap.str(file))
    made = heap.object("builtins.function").field("__qualname__", heap.str(name))
    return made.field("__code__", code.fact(Fact.LINE, line))


def coroutine(heap: Heap, name: str, line: int) -> Obj:
    code = heap.object("builtins.code").field("co_filename", heap.str("/app/shop.py"))
    made = heap.object("builtins.coroutine").field("__qualname__", heap.str(name))
    return made.field("cr_code", code.fact(Fact.LINE, line)).fact(Fact.LINE, line + 5)


class Shop:
    """A list that grows."""

    def __init__(self) -> None:
        self.heap = Heap()
        self.held = self.heap.list()
        self.heap.module("shop", THINGS=self.held)

    def sites_of(self, make: Callable[[], Iterable[Obj]]) -> tuple[Site, ...]:
        before = self.heap.snap("baseline")
        self.held.append(*make())
        found = investigate(CaseSnapshots(before, self.heap.snap("final"), cycles=CYCLES))
        return found.findings[0].sites


def told(sites: tuple[Site, ...]) -> list[tuple[str, str, int | None]]:
    return [(str(site.basis), site.line.function, site.line.line) for site in sites]


def test_callables_are_known_by_the_functions_they_run() -> None:
    shop = Shop()

    def methods() -> list[Obj]:
        tick = function(shop.heap, "Session.tick", 14)
        session = shop.heap.object("shop.Session")
        return [shop.heap.method(session, tick) for _ in range(CYCLES)]

    sites = shop.sites_of(methods)
    assert told(sites) == [("function", "Session.tick", 14)]
    assert sites[0].line.file == "/app/shop.py"
    assert not sites[0].has_stack


def test_functions_of_libraries_say_nothing() -> None:
    shop = Shop()
    assert (
        shop.sites_of(lambda: (function(shop.heap, "once", 9, LIBRARY) for _ in range(CYCLES)))
        == ()
    )


def test_coroutines_are_known_by_the_first_line_of_their_code() -> None:
    shop = Shop()
    sites = shop.sites_of(lambda: (coroutine(shop.heap, "serve", 20) for _ in range(CYCLES)))
    assert told(sites) == [("coroutine", "serve", 20)]


def test_tasks_are_known_by_their_coroutines() -> None:
    shop = Shop()

    def task() -> Obj:
        drawn = shop.heap.object("_asyncio.Task").fact(Fact.STATE, 0)
        return drawn.field("_coro", coroutine(shop.heap, "serve", 20))

    sites = shop.sites_of(lambda: [task() for _ in range(CYCLES)])
    assert ("coroutine", "serve", 20) in told(sites)


@pytest.mark.parametrize("maker", ["__init__", "__new__", "refresh"])
def test_objects_are_known_by_the_method_that_makes_them(maker: str) -> None:
    shop = Shop()
    heap = shop.heap

    def visits() -> list[Obj]:
        heap.cls(
            "shop.Visit",
            close=function(heap, "Visit.close", 5 if maker != "refresh" else 50),
            inherited=function(heap, "Base.inherited", 1),
            generated=function(heap, "Visit.__eq__", 2, "<string>"),
            **{maker: function(heap, f"Visit.{maker}", 30)},
        )
        return heap.many(CYCLES, "shop.Visit")

    sites = shop.sites_of(visits)
    assert told(sites) == [("class", f"Visit.{maker}", 30)]
    assert sites[0].type == "shop.Visit"


def test_no_line_is_no_guess() -> None:
    shop = Shop()
    assert shop.sites_of(lambda: shop.heap.many(CYCLES)) == ()


WHOLE = {"source": "sampled", "sample_bytes": 8192, "is_sound": True, "lost": 0, "reuse": 2}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, None),
        ({"source": "none"}, None),
        ({"is_sound": False}, "Another hook"),
        ({"lost": 3}, "3 sampled allocations"),
        ({"reuse": 0}, "free lists"),
    ],
)
def test_what_makes_sites_untrue_is_noted(change: dict[str, object], words: str | None) -> None:
    heap = Heap()
    before = heap.snap("baseline")
    heap.footer["sites"] = {**WHOLE, **change}
    notes = investigate(CaseSnapshots(before, heap.snap("final"), cycles=CYCLES)).notes
    told = [note for note in notes if "made at" in note]
    assert len(told) == (words is not None)
    assert words is None or words in told[0]
