"""How late loops of uvloop are; it is there for the interpreter that runs these tests."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.target.interpreter import Interpreter
from tests.agent.served import Target
from tests.agent.test_probes import MS, one_loop, read_after

uvloop = pytest.importorskip("uvloop")

RUN_LOOP = f"""
import asyncio
sys.path.append({str(Path(uvloop.__file__).parents[1])!r})
import uvloop
loop = uvloop.new_event_loop()
thread = threading.Thread(target=loop.run_forever, daemon=True)
thread.start()
def at_once(function):
    loop.call_soon_threadsafe(function)
"""


@pytest.fixture
def target(python: Interpreter, agent: Path) -> Iterator[Target]:
    if python.version[:2] != sys.version_info[:2]:
        pytest.skip(f"uvloop is not installed for {python.version}")
    with Target(python, agent) as target:
        yield target


def test_an_idle_loop_answers(target: Target) -> None:
    target.run(RUN_LOOP)
    with target.connect() as connection:
        probes = read_after(connection, 1.5)
        loop = one_loop(probes)
        assert loop.tid == target.run("", "thread.native_id")
    assert probes.loops_unmeasured == 0
    assert loop.ticks >= 5
    assert 0 < loop.p50_ns < 20 * MS


def test_a_loop_that_is_stuck_is_late_at_every_moment_of_it(target: Target) -> None:
    target.run(RUN_LOOP)
    with target.connect() as connection:
        connection.probes()
        time.sleep(0.3)
        target.run("at_once(lambda: time.sleep(1.0)); time.sleep(0.7)")
        stuck = one_loop(connection.probes())
        time.sleep(0.7)
        after = one_loop(connection.probes())
    assert 500 * MS < stuck.waiting_ns < 1000 * MS
    assert 800 * MS < after.max_ns < 1500 * MS
    assert after.ticks > 10
    assert after.p50_ns > 200 * MS


def test_what_the_program_schedules_is_never_lost(target: Target) -> None:
    # Most of it comes while the loop is stuck with our tick unread.
    schedule = """
done = []
for i in range(400):
    if i % 40 == 0:
        at_once(lambda: time.sleep(0.05))
    at_once(lambda i=i: done.append(i))
    time.sleep(0.002)
at_once(lambda: done.append("end"))
while done[-1:] != ["end"]:
    time.sleep(0.01)
"""
    target.run(RUN_LOOP)
    with target.connect() as connection:
        connection.probes()
        assert target.run(schedule, "done[:-1] == list(range(400))")
        assert one_loop(connection.probes()).ticks > 0


def test_an_eventfd_of_the_program_is_not_touched(target: Target) -> None:
    own = """
event = os.eventfd(0, os.EFD_NONBLOCK)
seen = []
at_once(lambda: loop.add_reader(event, lambda: seen.append(os.eventfd_read(event))))
"""
    target.run(RUN_LOOP + own)
    with target.connect() as connection:
        assert one_loop(read_after(connection, 0.6)).ticks > 0
        read = "os.eventfd_write(event, 7)\nwhile not seen: time.sleep(0.01)"
        assert target.run(read, "seen") == [7]


def test_loops_come_and_go(target: Target) -> None:
    target.run(RUN_LOOP + "at_once(loop.stop); thread.join(); loop.close()")
    with target.connect() as connection:
        assert connection.probes().loops == ()
        before = target.descriptors()
        target.run(RUN_LOOP + "at_once(int)")
        assert one_loop(read_after(connection, 0.6)).ticks > 0
        target.run("at_once(loop.stop); thread.join(); loop.close()")
        connection.probes()
        assert connection.probes().loops == ()
        assert sorted(target.descriptors().values()) == sorted(before.values())


def test_two_loops_are_told_apart(target: Target) -> None:
    second = """
other = uvloop.new_event_loop()
slow = threading.Thread(target=other.run_forever, daemon=True)
slow.start()
other.call_soon_threadsafe(lambda: time.sleep(1.5))
time.sleep(0.1)
"""
    target.run(RUN_LOOP + second)
    with target.connect() as connection:
        loops = {loop.tid: loop for loop in read_after(connection, 0.8).loops}
        quick, slow = target.run("", "[thread.native_id, slow.native_id]")
    assert loops[quick].ticks > 0
    assert loops[quick].waiting_ns < 300 * MS
    assert loops[slow].ticks == 0
    assert loops[slow].waiting_ns > 300 * MS
