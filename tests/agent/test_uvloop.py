"""Loops of uvloop, beside what test_probes asks of all loops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.target.interpreter import Interpreter
from tests.agent.served import Target
from tests.agent.test_probes import MS, one_loop, read_after, run_uvloop


@pytest.fixture
def target(python: Interpreter, agent: Path) -> Iterator[Target]:
    code = run_uvloop(python)
    with Target(python, agent) as target:
        target.run(code)
        yield target


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
    target.run(own)
    with target.connect() as connection:
        assert one_loop(read_after(connection, 0.6)).ticks > 0
        read = "os.eventfd_write(event, 7)\nwhile not seen: time.sleep(0.01)"
        assert target.run(read, "seen") == [7]


def test_two_loops_are_told_apart(target: Target) -> None:
    second = """
other = uvloop.new_event_loop()
slow = threading.Thread(target=other.run_forever, daemon=True)
slow.start()
gate = threading.Event()
other.call_soon_threadsafe(gate.wait)
"""
    target.run(second)
    with target.connect() as connection:
        loops = {loop.tid: loop for loop in read_after(connection, 0.8).loops}
        quick, slow = target.run("", "[thread.native_id, slow.native_id]")
        target.run("gate.set()")
    assert loops[quick].ticks > 0
    assert loops[quick].waiting_ns < 300 * MS
    assert loops[slow].ticks == 0
    assert loops[slow].waiting_ns > 300 * MS
