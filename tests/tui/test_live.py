"""Live: a process that runs, the hunt that keys lead, and its end."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import TargetError
from leakhunt.hunt.live_options import LiveOptions
from leakhunt.report.model import Report
from leakhunt.target.progress import Progress
from leakhunt.tui.cancelled import Cancelled
from leakhunt.tui.model.hunter import Hunter
from leakhunt.tui.model.live import Course, Moment, Watcher
from leakhunt.tui.screens.live import LiveView
from tests.golden.sample_reports import LEAKY
from tests.tui.driver import NARROW, WIDE, Driver, drive
from tests.tui.live import begin_hunt, until, watch


@pytest.mark.parametrize("size", [NARROW, WIDE])
def test_figures_move_and_the_end_is_told(
    process: subprocess.Popen[str], size: tuple[int, int]
) -> None:
    async def look(driver: Driver, view: LiveView) -> None:
        words = [f"process {process.pid}", "1 thread", "RSS", "live blocks", "descriptors", "CPU"]
        await until(driver, *words, "longest GC pause  ", "event-loop delay  ", "B: take")
        while len(view.courses.by_pid[process.pid].moments) < 3:
            await driver.pilot.pause(0.1)
        last = view.courses.by_pid[process.pid].moments[-1]
        assert last.rss_bytes > 1 << 20
        assert last.blocks is not None
        assert last.gc_count is not None
        process.kill()
        process.wait()
        await until(driver, f"process {process.pid} ended")
        await driver.pilot.press("B")
        await driver.pilot.pause()
        assert len(driver.app.screen_stack) == 1  # nothing is asked of a dead process

    watch(process.pid, look, size)


def test_a_window_may_get_ever_narrower(process: subprocess.Popen[str]) -> None:
    async def look(driver: Driver, view: LiveView) -> None:
        await until(driver, "longest GC pause  ")
        for columns in range(8, 0, -1):
            await driver.pilot.resize_terminal(columns, 30)
            await driver.pilot.pause()
            assert driver.lines()

    watch(process.pid, look)


def test_a_process_that_is_not_there() -> None:
    async def look(driver: Driver, view: LiveView) -> None:
        await until(driver, "there is no process 4194303")

    watch(4194303, look)


def test_without_a_process_there_is_a_hint(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("7")
        assert "no process is watched: leakhunt tui PID" in driver.text
        await driver.press("B", "L", "F", "x")

    drive(shop, look, WIDE)


def test_keys_lead_a_hunt(process: subprocess.Popen[str], tmp_path: Path) -> None:
    folder = tmp_path / "kept"

    async def look(driver: Driver, view: LiveView) -> None:
        await until(driver, "longest GC pause  ")
        await driver.pilot.press("L")
        await driver.pilot.press("B")
        await until(driver, "Keep the snapshots in a directory")
        await driver.pilot.press("end", "ctrl+u")
        for letter in str(folder):
            await driver.pilot.press(
                {"/": "slash", "-": "minus", "_": "underscore"}.get(letter, letter)
            )
        await driver.pilot.press("enter")
        await until(driver, "L: the load is over")
        await driver.pilot.press("L")
        await until(driver, "F: the final snapshot")
        await driver.pilot.press("F")
        while driver.app.current_mode != "case":
            await driver.pilot.pause(0.1)
        await until(driver, "verdict")

    watch(process.pid, look)
    assert {path.name for path in folder.iterdir()} >= {
        "baseline.lkheap", "loaded.lkheap", "final.lkheap", "report.json",
    }  # fmt: skip
    assert process.poll() is None


def test_a_key_that_is_offered_counts(process: subprocess.Popen[str], tmp_path: Path) -> None:
    hunter = Hunter(process.pid, tmp_path / "kept")

    async def look(driver: Driver, view: LiveView) -> None:
        await until(driver, "longest GC pause  ")
        view.hunter = hunter
        view.say_what_to_do("waiting for the end of the load")  # and has not looked up yet
        await until(driver, "L: the load is over")
        await driver.pilot.press("L")
        await until(driver, "taking the loaded snapshot")
        assert hunter.poll(("window", "loaded")) == "loaded"
        view.hunter = None

    watch(process.pid, look)


def test_a_hunt_is_cancelled(process: subprocess.Popen[str], tmp_path: Path) -> None:
    async def look(driver: Driver, view: LiveView) -> None:
        await begin_hunt(driver, view, Hunter(process.pid, tmp_path / "kept"))
        await driver.pilot.press("x")
        await until(driver, "cancelled: the process was let go of")
        await until(driver, "longest GC pause  ")

    watch(process.pid, look)
    assert process.poll() is None


def test_quitting_ends_the_hunt_and_lets_go(process: subprocess.Popen[str], tmp_path: Path) -> None:
    async def look(driver: Driver, view: LiveView) -> None:
        await begin_hunt(driver, view, Hunter(process.pid, tmp_path / "kept"))
        await driver.pilot.press("q")

    watch(process.pid, look)
    assert process.poll() is None
    watcher = Watcher(process.pid)
    assert watcher.look(is_inside=True).blocks
    watcher.close()


def test_whatever_a_hunt_fails_with_is_told(
    process: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(self: Hunter, tell: Any) -> Report:
        helper = threading.Thread(target=tell, args=(Progress("copy", message="half-way"),))
        helper.start()
        helper.join()
        told.wait()
        raise ValueError("no such [color]")

    told = threading.Event()
    monkeypatch.setattr(Hunter, "run", run)

    async def look(driver: Driver, view: LiveView) -> None:
        await until(driver, "longest GC pause  ")
        view.hunter = hunter = Hunter(process.pid, tmp_path / "kept")
        view.is_let_go.clear()
        view._hunt(hunter)
        await until(driver, "half-way")
        told.set()
        await until(driver, "the hunt failed: hunting the process failed: ValueError: no such")
        assert view.hunter is None

    watch(process.pid, look)


def test_whatever_watching_fails_with_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_about(self: Watcher, *, is_inside: bool) -> Moment:
        raise ValueError("no such figure")

    monkeypatch.setattr(Watcher, "look", look_about)

    async def look(driver: Driver, view: LiveView) -> None:
        await until(driver, "watching the process failed: ValueError: no such figure")

    watch(os.getpid(), look)


# ---- without a screen ----


def test_a_hunter_asks_for_what_is_awaited(tmp_path: Path) -> None:
    taken: list[str | None] = []

    def hunt(options: LiveOptions, tell: Any) -> Report:
        control = options.control
        assert control is not None
        assert options.save_dir == tmp_path
        for choices in (("window", "loaded"), ("final",)):
            while (label := control.poll(choices)) is None:
                pass
            taken.append(label)
        return LEAKY

    hunter = Hunter(7, tmp_path)
    assert not hunter.ask("loaded")
    thread = threading.Thread(target=hunter.run, args=(lambda step: None, hunt))
    thread.start()
    for label in ("loaded", "final"):
        while not hunter.ask(label):
            assert not hunter.ask("baseline")
    thread.join()
    assert taken == ["loaded", "final"]


def test_a_cancelled_hunter_ends_at_its_next_look(tmp_path: Path) -> None:
    hunter = Hunter(7, tmp_path, load="true")
    hunter.cancel()
    with pytest.raises(Cancelled):
        hunter.run(lambda step: None, lambda options, tell: options.stop_requested())
    with pytest.raises(Cancelled):
        hunter.poll(("loaded",))


def test_a_watcher_leaves_and_comes_back(process: subprocess.Popen[str]) -> None:
    watcher = Watcher(process.pid)
    first = watcher.look(is_inside=False)
    assert (first.blocks, first.gc_ms, first.loop_ms, first.cpu_percent) == (None,) * 4
    assert watcher.look(is_inside=True).blocks
    watcher.look(is_inside=False)
    again = watcher.look(is_inside=True)
    assert again.blocks
    assert again.cpu_percent is not None
    watcher.close()
    process.kill()
    process.wait()
    with pytest.raises(TargetError, match="ended"):
        watcher.look(is_inside=False)


def test_a_course_forgets_what_is_old() -> None:
    course = Course()
    assert course.series("rss_bytes") == ([], [])
    for number in range(1000):
        course.add(Moment(number, number, 1, None, 1.0, None, None, 0.5, 1, None))
    seconds, values = course.series("rss_bytes")
    assert (len(values), seconds[0], seconds[-1], values[-1]) == (600, -599, 0, 999)
    assert course.series("descriptors") == ([], [])
