"""Tasks, timers, threads and streams of real programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.hunt import HuntOptions, hunt_scenario
from leakhunt.hunt.activities import Activity, Kind, list_activities
from leakhunt.hunt.heaps import open_heap
from leakhunt.target.progress import Progress

SCENARIO = """
import asyncio, sched, socket, threading

KEPT, SCHEDULER, STOP = [], sched.scheduler(), threading.Event()


class Pump(threading.Thread):
    def run(self):
        STOP.wait()


async def forgotten():
    await asyncio.get_running_loop().create_future()


async def sleeps():
    await asyncio.sleep(3600)


def ring(): pass


async def cycle(i):
    KEPT.append(asyncio.create_task(forgotten(), name="forgotten"))
    KEPT.append(asyncio.create_task(sleeps()))
    KEPT.append(asyncio.get_running_loop().call_later(3600, ring))
    cancelled = asyncio.get_running_loop().call_later(3600, ring)
    cancelled.cancel()
    KEPT.append(cancelled)
    SCHEDULER.enter(3600, 1, ring)
    pump = Pump(name=f"pump-{i}", daemon=True)
    pump.start()
    KEPT.append(pump)
    ended = threading.Thread(target=ring, name="ended")
    ended.start()
    ended.join()
    KEPT.append(ended)
    KEPT.append(threading.Thread(target=ring, name="never"))
    KEPT.append(open(__file__))
    KEPT.append(socket.socket())
    closed = open(__file__)
    closed.close()
    KEPT.append(closed)
    await asyncio.sleep(0)


def teardown():
    STOP.set()
"""

pytestmark = pytest.mark.e2e


@pytest.fixture
def activities(tmp_path: Path, python: Path) -> tuple[Activity, ...]:
    scenario = tmp_path / "busy.py"
    scenario.write_text(SCENARIO)
    folder = tmp_path / "saved"
    hunt_scenario(
        HuntOptions(scenario, cycles=4, warmup=1, python=python, save_dir=folder, settle_max_s=0.5)
    )
    told: list[Progress] = []
    graph = open_heap(folder / "final.lkheap").graph
    found = list_activities(graph, told.append)
    assert {step.phase for step in told} == {f"looking for {kind}s" for kind in Kind}
    return found


def test_each_is_listed_with_its_state(activities: tuple[Activity, ...]) -> None:
    def of(kind: Kind, wanted: Callable[[Activity], bool]) -> list[Activity]:
        return [one for one in activities if one.kind is kind and wanted(one)]

    stuck = of(Kind.TASK, lambda a: a.state == "stuck")
    assert len(stuck) == 5
    assert stuck[0].place is not None
    assert (stuck[0].place.function, stuck[0].place.line) == ("forgotten", 13)
    asleep = of(Kind.TASK, lambda a: a.place is not None and a.place.function == "sleeps")
    assert len(asleep) == 5
    assert {one.state for one in asleep} == {"waits"}
    assert {one.note for one in asleep} == {"a timer that is due later"}

    rings = of(Kind.TIMER, lambda a: a.place is not None and a.place.function == "ring")
    assert sum(one.type == "asyncio.events.TimerHandle" for one in rings) == 5
    assert {one.state for one in rings} == {"scheduled"}
    # A call that was cancelled forgets what it would have called.
    assert len(of(Kind.TIMER, lambda a: a.state == "cancelled" and a.place is None)) == 5
    assert sum(one.type == "sched.Event" for one in rings) == 5

    pumps = of(Kind.THREAD, lambda a: a.type == "busy.Pump")
    assert sorted(one.name for one in pumps) == [f"pump-{i}" for i in range(5)]
    assert {one.state for one in pumps} == {"running"}
    assert {one.place.line for one in pumps if one.place is not None} == {9}
    assert [frame.function for frame in pumps[0].stack][-2:] == ["Event.wait", "Condition.wait"]
    other = of(Kind.THREAD, lambda a: a.type == "threading.Thread")
    assert sorted({one.state for one in other}) == ["ended", "not started"]
    assert {one.state for one in other if one.name == "ended"} == {"ended"}
    (main,) = of(Kind.THREAD, lambda a: a.type == "threading._MainThread")
    assert main.state == "running"

    files = of(Kind.STREAM, lambda a: a.type == "_io.FileIO" and a.note != "")
    assert len([one for one in files if one.state == "open"]) >= 5
    assert sum(one.state == "closed" for one in activities if one.type == "_io.FileIO") >= 5
    sockets = of(Kind.STREAM, lambda a: a.type == "socket.socket" and a.state == "open")
    assert len(sockets) >= 5
    assert all(one.note.startswith("descriptor ") for one in sockets)
    assert not of(Kind.STREAM, lambda a: a.type == "_io.TextIOWrapper")

    # What needs a look comes first.
    kinds = [one.kind for one in activities]
    assert kinds == sorted(kinds, key=list(Kind).index)
    states = [one.state for one in activities if one.kind is Kind.TASK]
    assert states[0] == "stuck"
    assert states == sorted(states, key=["stuck", "waits", "runnable"].index)


def test_it_can_be_cancelled(tmp_path: Path, python: Path) -> None:
    scenario = tmp_path / "empty.py"
    scenario.write_text("def cycle(i): pass\n")
    hunt_scenario(
        HuntOptions(scenario, cycles=6, warmup=1, python=python, save_dir=tmp_path / "saved",
                    settle_max_s=0.5)
    )  # fmt: skip
    graph = open_heap(tmp_path / "saved/final.lkheap").graph

    def cancel(_: Progress) -> None:
        raise LeakhuntError("enough")

    with pytest.raises(LeakhuntError, match="enough"):
        list_activities(graph, cancel)
