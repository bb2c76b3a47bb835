"""A watch of real processes: limits, ends, disks, families, and what it costs itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from leakhunt.hunt import analyse_file
from leakhunt.target.family import Children, find_family
from leakhunt.target.process_table import read_entry
from leakhunt.target.sampler import ProcessSampler
from tests.e2e.test_limits import small_disk

MIB = 1 << 20
GROUPS = Path("/sys/fs/cgroup")
RUNS = int(os.environ.get("LEAKHUNT_WATCH_RUNS", "20"))

GROWING = """
import sys, time
class Order:
    def __init__(self, number):
        self.number = number
        self.lines = [number]
ORDERS = []
def serve():
    while True:
        ORDERS.extend(Order(i) for i in range(2000))
        time.sleep(float(sys.argv[1]))
print("ready", flush=True)
serve()
"""

pytestmark = pytest.mark.e2e


@contextmanager
def growing(
    python: Path, pause_s: float, preexec: Callable[[], None] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that grows by about half a MiB each time."""
    process = subprocess.Popen(
        [python, "-c", GROWING, str(pause_s)],
        stdout=subprocess.PIPE,
        preexec_fn=preexec,  # noqa: PLW1509
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def watch(pid: int, *options: str | Path, timeout: float = 120) -> list[dict[str, Any]]:
    """The events of a watch."""
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "watch", str(pid), "--json", *options],
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    assert b"Traceback" not in done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    alarms = [event for event in events if event["event"] == "alarm"]
    assert done.returncode == bool(alarms)
    return events


def watch_until(kind: str, pid: int, *options: str | Path) -> list[dict[str, Any]]:
    """The events of a watch up to the first of a kind; nobody listens to it after that."""
    command = [sys.executable, "-m", "leakhunt", "watch", str(pid), "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as watcher:
        assert watcher.stdout is not None
        events: list[dict[str, Any]] = []
        try:
            for line in watcher.stdout:
                events.append(json.loads(line))
                if events[-1]["event"] == kind:
                    break
        finally:
            watcher.kill()
    return events


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def names_the_holder(path: str) -> None:
    """The snapshot opens, and most of it comes together at the list."""
    report = analyse_file(Path(path), cache=False)
    assert "__main__.ORDERS" in report.largest[0].path


def check_max_rss(python: Path, folder: Path) -> None:
    with growing(python, 0.02) as process:
        options = ("--interval", "1s", "--max-rss", "60M", "--snapshot-dir", folder)
        events = watch_until("alarm", process.pid, *options)
    (alarm,) = of(events, "alarm")
    assert alarm["reason"] == "max-rss"
    assert alarm["path"] is not None
    assert alarm["sample"] is None
    names_the_holder(alarm["path"])


def test_at_the_limit_a_snapshot_names_the_holder(python: Path, tmp_path: Path) -> None:
    check_max_rss(python, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_at_the_limit_a_snapshot_names_the_holder_every_time(tmp_path: Path) -> None:
    for number in range(RUNS):
        check_max_rss(Path(sys.executable), tmp_path / str(number))


def test_what_is_read_each_minute_leaves_no_interned_strings(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would fill the interpreter's table of them, which is then doubled after an hour."""
    new: list[str] = []
    intern, thread = sys.intern, threading.get_ident()

    def watched_intern(text: str) -> str:
        copy = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        kept = intern(copy)
        if kept is copy and len(text) > 1 and threading.get_ident() == thread:
            new.append(text)
        return kept

    with growing(python, 30.0) as process:
        sampler = ProcessSampler(process.pid)

        def minute() -> None:
            find_family(process.pid, Children.AUTO)
            sampler.read(0.0)
            sampler.look().end()

        minute()  # what is kept is interned once
        monkeypatch.setattr(sys, "intern", watched_intern)
        minute()
    assert new == []


def test_the_number_of_a_wrapper_stands_for_the_program_below_it() -> None:
    code = "import time; print('ready', flush=True); time.sleep(600)"
    line = f'"{sys.executable}" -c "{code}"; true'
    with subprocess.Popen(["sh", "-c", line], stdout=subprocess.PIPE, text=True) as wrapper:
        assert wrapper.stdout is not None
        assert wrapper.stdout.readline() == "ready\n"
        children = Path(f"/proc/{wrapper.pid}/task/{wrapper.pid}/children")
        (program,) = map(int, children.read_text().split())
        try:
            events = watch(wrapper.pid, "--interval", "0.2s", "--duration", "0.5s")
        finally:
            os.kill(program, signal.SIGKILL)
    note, start, *_ = events
    assert note["message"].endswith(f"is a wrapper: the program is process {program} below it")
    assert start["event"] == "start"
    assert {event["pid"] for event in events} == {program}


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[Path]:
    """A control group with a memory limit; skips where none can be made."""
    is_second = (GROUPS / "cgroup.controllers").exists()
    parent = GROUPS if is_second else GROUPS / "memory"
    group = parent / f"leakhunt-test-{os.getpid()}-{time.monotonic_ns()}"
    limit = "memory.max" if is_second else "memory.limit_in_bytes"
    try:
        group.mkdir()
        (group / limit).write_text(str(limit_bytes))
        if is_second and (group / "memory.swap.max").exists():
            (group / "memory.swap.max").write_text("0")
    except OSError as exc:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"no control group of memory can be made here: {exc}")
    try:
        yield group
    finally:
        for _ in range(100):
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_before_the_kernel_kills_a_snapshot_names_the_holder_every_time(tmp_path: Path) -> None:
    killed = 0
    for number in range(RUNS):
        with memory_group(160 * MIB) as group:

            def enter(group: Path = group) -> None:
                (group / "cgroup.procs").write_text(str(os.getpid()))

            # About 10 MB a second: the last tenth of the limit lasts for more than one.
            with growing(Path(sys.executable), 0.05, enter) as process:
                events = watch(process.pid, "--interval", "1s", "--snapshot-dir",
                               tmp_path / str(number))  # fmt: skip
                killed += process.wait() == -signal.SIGKILL
        (alarm,) = of(events, "alarm")
        assert alarm["reason"] == "cgroup"
        assert alarm["path"] is not None, of(events, "note")
        assert of(events, "end")
        names_the_holder(alarm["path"])
    assert killed == RUNS


def test_it_ends_with_the_process_and_says_so(python: Path) -> None:
    with growing(python, 10.0) as process:
        watcher = subprocess.Popen(
            [sys.executable, "-m", "leakhunt", "watch", str(process.pid), "--interval", "0.5s",
             "--look", "0"], stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert watcher.stdout is not None
        assert "start: watching" in watcher.stdout.readline()
        process.kill()
        process.wait()
        said, _ = watcher.communicate(timeout=30)
    assert watcher.returncode == 0
    assert "end: process" in said
    assert "0 alarms" in said


def test_a_folder_that_is_full_does_not_end_the_watch(python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    if not small_disk(folder, 300):
        pytest.skip("file systems cannot be mounted here")
    try:
        with growing(python, 0.02) as process:
            options = ("--interval", "1s", "--max-rss", "40M", "--snapshot-dir", folder)
            events = watch_until("alarm", process.pid, *options)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    assert any("No space left on device" in event["message"] for event in of(events, "note"))
    assert events[-1]["path"] is None


def test_workers_are_watched_each_for_itself(python: Path) -> None:
    code = (
        "import os, time\n"
        "for _ in range(2):\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(60)\n"
        "print('ready', flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        events = watch(process.pid, "--interval", "0.5s", "--duration", "2s", "--look", "0")
        alone = watch(process.pid, "--interval", "0.5s", "--duration", "1s", "--no-children")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert len({event["pid"] for event in of(events, "sample")}) == 3
    assert {event["pid"] for event in of(alone, "sample")} == {process.pid}


SERVING = """
import asyncio, time
async def serve():
    print("ready", flush=True)
    while True:
        await asyncio.sleep(0.05)
        time.sleep(0.2)
asyncio.run(serve())
"""


def test_it_tells_how_late_an_event_loop_is(python: Path) -> None:
    """Four fifths of the time this loop is deaf for up to 200 ms."""
    process = subprocess.Popen([python, "-c", SERVING], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        command = [sys.executable, "-m", "leakhunt", "watch", str(process.pid), "--json",
                   "--interval", "1s", "--look", "6s"]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE) as watcher:
            assert watcher.stdout is not None
            samples = (json.loads(line)["sample"] for line in watcher.stdout)
            known = next(s for s in samples if s is not None and s["loop_delay_p99_ns"])
            watcher.kill()
    finally:
        process.kill()
        process.communicate()
    assert known["loop_delay_p99_ns"] > 50_000_000
    assert 0 < known["loop_delay_p50_ns"] <= known["loop_delay_p99_ns"]
    assert known["threads"] == 1


@pytest.mark.parametrize(
    ("pid", "words"), [("4194300", "there is no process"), ("0", "at least 1"), ("x", "x")]
)
def test_what_cannot_be_watched_is_refused(pid: str, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "watch", pid],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {2, 3}
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def resident_bytes(pid: int) -> int:
    """Resident pages as the kernel finds them: its running count may be off by megabytes where
    there are many processors."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) << 10
    raise AssertionError


def cost_of_a_watch(python: Path, folder: Path) -> tuple[int, float]:
    """RSS in bytes, and seconds of CPU for 60 samples and 12 looks: those of 10 and 12 minutes."""
    with growing(python, 30.0) as process:
        command = [sys.executable, "-m", "leakhunt", "watch", str(process.pid), "--json",
                   "--interval", "0.1s", "--look", "0.5s", "--metrics", "0",
                   "--snapshot-dir", str(folder)]  # fmt: skip
        watcher = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert watcher.stdout is not None
            while b'"baseline"' not in watcher.stdout.readline():
                pass
            before = read_entry(watcher.pid)
            for _ in range(60):
                watcher.stdout.readline()
            after = read_entry(watcher.pid)
            resident = resident_bytes(watcher.pid)
        finally:
            watcher.kill()
            watcher.communicate()
    assert before is not None
    assert after is not None
    spent = (after.cpu_ticks - before.cpu_ticks) / os.sysconf("SC_CLK_TCK")
    return resident, spent


def test_a_watch_is_small(python: Path, tmp_path: Path) -> None:
    """Below 30 MB with all of it loaded."""
    assert cost_of_a_watch(python, tmp_path)[0] < 30_000_000


@pytest.mark.bench
def test_a_watch_costs_little(python: Path, tmp_path: Path) -> None:
    """0.1 % of a processor at a sample every 10 s; a busy machine makes it seem more."""
    assert cost_of_a_watch(python, tmp_path)[1] < 0.001 * 600
