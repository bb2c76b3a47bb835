"""Live on a process with workers: a table of them, and plots of the one that is chosen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from leakhunt.tui.model.family import ALL, Courses, FamilyWatcher, together
from leakhunt.tui.model.live import Moment
from leakhunt.tui.screens.live import LiveView
from leakhunt.tui.widgets.words import plain
from tests.tui.driver import NARROW, Driver
from tests.tui.live import until, watch

FAMILY = """
import gc, os, signal, time
for _ in range(2):
    if not os.fork():
        while True:
            gc.collect()
            time.sleep(0.05)
print("ready", flush=True)
signal.signal(signal.SIGCHLD, lambda *_: os.waitpid(-1, 0))
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def family() -> Iterator[subprocess.Popen[str]]:
    """A process and two forks of it."""
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        yield program
        os.killpg(program.pid, signal.SIGKILL)


def test_workers_are_listed_and_one_is_chosen(family: subprocess.Popen[str]) -> None:
    async def look(driver: Driver, view: LiveView) -> None:
        await until(driver, f"process {family.pid} and 2 workers", "all 3 together", "choose one")
        while len(view.courses.by_pid[ALL].moments) < 2:
            await driver.pilot.pause(0.1)
        every = {pid: course.moments[-1] for pid, course in view.courses.by_pid.items()}
        total = every.pop(ALL)
        assert total.rss_bytes == sum(one.rss_bytes for one in every.values())
        *_, worker = view.courses.pids
        await driver.pilot.press("down", "down", "down")
        await until(driver, f"shown: {worker}", "longest GC pause  ")
        while view.courses.by_pid[worker].moments[-1].gc_ms is None:
            await driver.pilot.pause(0.1)
        assert view.courses.by_pid[family.pid].moments[-1].blocks is None
        os.kill(worker, signal.SIGKILL)
        await until(driver, "and 1 worker,", "all 2 together")
        assert view.courses.pids[0] == ALL
        assert view._chosen == ALL

    watch(family.pid, look, NARROW)
    assert family.poll() is None


def test_a_watcher_is_inside_of_the_one_that_is_chosen(family: subprocess.Popen[str]) -> None:
    watcher = FamilyWatcher(family.pid)
    looks = []
    worker = ALL
    for chosen, is_inside in ((ALL, True), (1, True), (1, False), (1, True)):
        moments = watcher.look(worker if chosen else ALL, is_inside=is_inside)
        worker = list(moments)[-1]
        known = [pid for pid, one in moments.items() if one.blocks is not None]
        looks.append((len(moments), known, watcher.is_inside))
    watcher.close()
    assert looks == [(3, [], False), (3, [worker], True), (3, [], False), (3, [worker], True)]
    assert next(iter(moments)) == family.pid
    assert not watcher.is_inside


def moment(rss_bytes: int, cpu_percent: float | None, descriptors: int | None) -> Moment:
    return Moment(1.0, rss_bytes, 2, descriptors, cpu_percent, None, 5, 1.0, 1, 1.0)


def test_sums_say_only_what_is_known() -> None:
    total = together({7: moment(10, None, 3), 8: moment(5, 20.0, None)})
    assert (total.rss_bytes, total.threads, total.cpu_percent) == (15, 4, 20.0)
    assert (total.descriptors, total.blocks, total.gc_ms, total.loop_ms) == (None,) * 4


def test_rows_of_a_family() -> None:
    courses = Courses()
    courses.add({7: moment(1 << 20, None, 3), 8: moment(1 << 20, 1.0, 3)})
    courses.add({7: moment(1 << 20, 2.0, 4), 9: moment(3 << 20, 1.0, 3)})
    assert courses.pids == [ALL, 7, 9]
    rows = [[plain(cell) for cell in courses.cells(at)] for at in range(len(courses))]
    assert rows == [
        ["all 2 together", "4.0 MiB", "+2.0 MiB", "4", "7", "3 %"],
        ["7 main", "1.0 MiB", "·", "2", "4", "2 %"],
        ["9", "3.0 MiB", "·", "2", "3", "1 %"],
    ]
