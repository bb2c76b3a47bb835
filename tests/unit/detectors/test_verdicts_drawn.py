"""Bounds, windows and identity as drawings: what keeps growth from being a leak."""

from __future__ import annotations

import pytest

from leakhunt.agent.format import Fact
from leakhunt.detectors.base import Finding, Verdict
from leakhunt.detectors.investigate import CaseSnapshots, investigate
from tests.builders import Heap
from tests.unit.detectors.drawing import leak, only, quiet, run, session

# ---- bounds and windows ----


@pytest.mark.parametrize("bound_by", ["maxsize", "owner"])
def test_a_bound_in_sight(bound_by: str) -> None:
    heap = Heap()
    ring = heap.list(type_name="collections.deque")
    owner = heap.object("shop.Recent", items=ring)
    heap.module("shop", RECENT=owner)
    if bound_by == "maxsize":
        ring.fact(Fact.MAXSIZE, 1000)
    else:
        owner.fact(Fact.BOUND, 1000)
    result = run(heap, lambda _: ring.append(session(heap)))
    quiet(result)
    assert result.findings[0].reason == "Bounded at 1000, still filling (66 of 1000)."


def test_an_unbounded_deque_is_not_bounded() -> None:
    heap = Heap()
    ring = heap.list(type_name="collections.deque").fact(Fact.MAXSIZE, -1)
    heap.module("shop", RECENT=ring)
    leak(run(heap, lambda _: ring.append(session(heap))))


def test_a_bound_that_is_already_exceeded_bounds_nothing() -> None:
    heap = Heap()
    ring = heap.list()
    heap.module("shop", RECENT=heap.object("shop.Recent", items=ring).fact(Fact.BOUND, 10))
    leak(run(heap, lambda _: ring.append(session(heap))))


def test_growth_that_ends_in_the_first_window() -> None:
    heap = Heap()
    cache = heap.dict()
    heap.module("shop", CACHE=cache)
    result = run(heap, lambda i: cache.put(min(i, 22), session(heap)))
    quiet(result)
    assert "Growth ended" in result.findings[0].reason


def test_a_lazy_import() -> None:
    heap = Heap()

    def cycle(i: int) -> None:
        if i == 10:
            heap.module("lazy", **{f"f{n}": heap.function() for n in range(40)})

    quiet(run(heap, cycle))


def test_a_backlog_that_drains() -> None:
    heap = Heap()
    jobs = heap.list()
    heap.module("shop", JOBS=jobs)
    for i in range(2):
        jobs.append(session(heap))
        assert i < 2
    b = heap.snap()
    jobs.append(*(session(heap) for _ in range(20)))
    w = heap.snap()
    jobs.append(*(session(heap) for _ in range(40)))
    loaded = heap.snap()
    for _ in range(30):
        jobs.pop()
    f = heap.snap()
    found = only(investigate(CaseSnapshots(b, f, loaded, w, 60, 20)))
    assert found.verdict is Verdict.SUSPECT
    assert "backlog" in found.reason


def test_without_cycles_there_is_no_leak_verdict() -> None:
    heap = Heap()
    held = heap.list()
    heap.module("shop", HELD=held)
    found = only(run(heap, lambda _: held.append(session(heap)), cycles=None))
    assert found.verdict is Verdict.SUSPECT
    assert found.count_per_cycle is None


def test_a_tiny_population_is_not_mentioned() -> None:
    heap = Heap()
    held = heap.list()
    heap.module("shop", HELD=held)
    result = run(heap, lambda i: held.append(session(heap)) if i in (10, 40) else None)
    assert result.findings == ()


# ---- identity ----


def test_other_processes_are_compared_by_place() -> None:
    def program(entries: int, pid: int) -> Heap:
        heap = Heap(pid=pid)
        heap.module(
            "shop",
            CACHE=heap.dict({f"k{n}": session(heap) for n in range(entries)}),
            OTHER=heap.list(*heap.many(30)),
        )
        return heap

    a, b = program(20, 1).snap(), program(90, 2).snap()
    result = investigate(CaseSnapshots(a, b))
    found = only(result)
    assert found.verdict is Verdict.SUSPECT
    assert found.holder.path == "shop.CACHE"
    assert "different processes" in result.identity.note
    assert all(row.born == row.departed == 0 for row in result.growth)
    assert investigate(CaseSnapshots(a, program(20, 2).snap())).findings == ()


def test_without_marks_birth_is_inferred() -> None:
    heap = Heap(method="none")
    held = heap.list()
    heap.module("shop", HELD=held)
    b = heap.snap()
    held.append(*heap.many(40))
    f = heap.snap()
    result = investigate(CaseSnapshots(b, f, cycles=40))
    assert not result.identity.exact
    assert result.identity.method == "address and type"
    assert "41 to 100 %" in result.identity.note
    assert only(result).verdict is Verdict.SUSPECT


def test_a_mark_tells_a_new_object_at_an_old_address() -> None:
    heap = Heap()
    held = heap.list(*heap.many(3))
    heap.module("shop", HELD=held)
    b = heap.snap()
    addresses = [target.address for _, _, target in held.edges]
    held.edges.clear()
    held.append(*(heap.object("shop.Thing", address=a) for a in addresses))
    f = heap.snap()
    row = next(r for r in investigate(CaseSnapshots(b, f)).growth if r.type == "shop.Thing")
    assert (row.born, row.departed, row.count_delta) == (3, 3, 0)


def test_the_same_snapshot_twice() -> None:
    heap = Heap()
    heap.module("shop", HELD=heap.list(*heap.many(40)))
    a = heap.snap()
    result = investigate(CaseSnapshots(a, a, cycles=10))
    assert result.findings == ()
    assert all(row.count_delta == row.bytes_delta == row.born == 0 for row in result.growth)


def test_a_fingerprint_names_the_leak_in_every_run() -> None:
    def hunt(padding: int) -> Finding:
        heap = Heap()
        heap.many(padding)
        held = heap.list()
        heap.module("shop", HELD=held)
        return leak(run(heap, lambda _: held.append(session(heap))))

    assert hunt(0).fingerprint == hunt(50).fingerprint
