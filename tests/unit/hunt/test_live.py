from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import TargetError, UsageError
from leakhunt.hunt import LiveOptions, SnapshotOptions, diff_files, hunt_live, snapshot_process
from leakhunt.hunt.plan import plan_snapshot
from leakhunt.report.model import Report
from leakhunt.store.reader import open_snapshot
from leakhunt.target.family import Children
from leakhunt.target.progress import Progress
from leakhunt.target.readiness import parse_ready
from tests.unit.hunt.fake_agent import FakeReach, wait_for

KEPT = "sys.modules.shop.KEPT"
"""The holder, as the drawn heap names it."""


@pytest.fixture
def target() -> Iterator[int]:
    """A process to hunt; nothing is done to it here."""
    with subprocess.Popen(["sleep", "60"]) as started:
        yield started.pid
        started.kill()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leakhunt.hunt.member.SAMPLE_S", 0.001)


@pytest.fixture
def reach(tmp_path: Path) -> FakeReach:
    return FakeReach(tmp_path)


def leak(reach: FakeReach, number: int, *, says: bool = True) -> str:
    """A load that makes the target keep so many things more."""
    line = f"printf '%{number}s' x >> {reach.work}"
    return f"{line}; echo leakhunt-cycles: {number}" if says else line


def options(pid: int, **more: Any) -> LiveOptions:
    return LiveOptions(pid=pid, settle_max_s=1.0, **more)


# --- the order of things ---------------------------------------------------------------------


def test_a_leak_is_found(target: int, reach: FakeReach) -> None:
    report = hunt_live(options(target, load=leak(reach, 50)), reach=reach)
    assert (report.verdict, report.errors) == ("LEAK", ())
    (found,) = report.findings
    assert found.holder.path == KEPT
    assert (found.holder.size_baseline, found.holder.size_final) == (50, 200)
    assert (report.cycles, found.count_per_cycle) == (150, 1.0)
    assert [one.label for one in report.snapshots] == ["baseline", "window", "loaded", "final"]
    assert report.load is not None
    assert (report.load.cycle, [run.requests for run in report.load.runs]) == ("request", [50] * 3)
    assert report.target["pid"] == target
    assert report.target["python"]["version"] == "3.12.1"
    assert report.memory["threads_final"] == 1


def test_what_is_done_and_in_which_order(target: int, reach: FakeReach) -> None:
    hunt_live(options(target, load=leak(reach, 50)), reach=reach)
    calls = [call for call in reach.agent.calls if call not in {"measure", "keep_alive"}]
    assert calls == [
        "prepare", "collect", "collect", "sites_start", "birth_start", "capture baseline",
        "capture window",
        "capture loaded", "collect", "capture final", "close",
    ]  # fmt: skip


def test_every_pause_is_in_the_next_header_and_in_the_report(target: int, reach: FakeReach) -> None:
    report = hunt_live(options(target, load=leak(reach, 50)), reach=reach)
    kinds = [one.kind for one in report.interventions]
    assert kinds == [
        "attach", "collect", "collect", "sites_start", "birth_start", "capture", "capture",
        "capture", "collect",
        "capture", "detach",
    ]  # fmt: skip
    assert {one.pid for one in report.interventions} == {target}
    times = [one.at_ns for one in report.interventions]
    assert times == sorted(times)
    last = reach.agent.headers[-1]["interventions"]
    assert [one["kind"] for one in last] == kinds[:-2]
    assert report.collect_ns == (2_000_000,)


def test_headers_chain_births(target: int, reach: FakeReach) -> None:
    hunt_live(options(target, load=leak(reach, 50)), reach=reach)
    headers = reach.agent.headers
    sequences = [one["sequence"] for one in headers]
    assert sequences == sorted(set(sequences))
    since = [one["identity"]["since_sequence"] for one in headers]
    assert since == [None, *sequences[:3]]
    assert headers[1]["identity"]["method"] == "allocator"


def test_no_births_no_collection(target: int, reach: FakeReach) -> None:
    report = hunt_live(
        options(target, load=leak(reach, 50), birth=False, collect=False), reach=reach
    )
    assert {"birth_start", "collect"}.isdisjoint(reach.agent.calls)
    assert report.identity.method == "address and type"


def test_a_collection_that_takes_too_long_is_refused(target: int, tmp_path: Path) -> None:
    reach = FakeReach(tmp_path, refuses_collections=True)
    report = hunt_live(options(target, load=leak(reach, 50), max_pause_ms=20), reach=reach)
    assert any("more than --max-pause allows" in note for note in report.notes)


def test_the_collections_are_five_at_most(target: int, tmp_path: Path) -> None:
    reach = FakeReach(tmp_path, collections=[1] * 99)
    hunt_live(options(target, load=leak(reach, 5)), reach=reach)
    assert reach.agent.calls.count("collect") == 10


def test_progress_tells_the_phases(target: int, reach: FakeReach) -> None:
    told: list[Progress] = []
    hunt_live(options(target, load=leak(reach, 50)), told.append, reach=reach)
    phases = list(dict.fromkeys(one.phase for one in told))
    assert phases == [
        "warmup", "attach", "settle", "collect", "capture baseline", "load", "capture window",
        "capture loaded", "capture final", "analysis",
    ]  # fmt: skip


# --- the load --------------------------------------------------------------------------------


def test_cycles_as_given_are_those_of_one_run(target: int, reach: FakeReach) -> None:
    report = hunt_live(options(target, load=leak(reach, 60, says=False), cycles=20), reach=reach)
    assert (report.cycles, report.findings[0].count_per_cycle) == (60, 3.0)
    assert report.load is not None
    assert report.load.cycle == "cycle"


def test_without_a_number_a_cycle_is_a_run(target: int, reach: FakeReach) -> None:
    report = hunt_live(options(target, load=leak(reach, 60, says=False)), reach=reach)
    assert (report.cycles, report.verdict) == (3, "LEAK")
    assert report.load is not None
    assert report.load.cycle == "run"
    assert any("A cycle is one run of the load command" in note for note in report.notes)


def test_few_things_a_run_are_no_proof(target: int, reach: FakeReach) -> None:
    report = hunt_live(options(target, load=leak(reach, 4, says=False)), reach=reach)
    assert report.verdict == "SUSPECT"
    assert "the number of cycles is not known" in report.findings[0].reason


def test_one_round_has_no_window(target: int, reach: FakeReach) -> None:
    report = hunt_live(options(target, load=leak(reach, 60), rounds=1), reach=reach)
    assert [one.label for one in report.snapshots] == ["baseline", "loaded", "final"]
    assert report.verdict == "SUSPECT"
    assert "one window only" in report.findings[0].reason


def test_warm_up_runs_before_anything_is_done(target: int, reach: FakeReach) -> None:
    line = f"printf '%7s' x >> {reach.work}"
    report = hunt_live(
        options(target, load=leak(reach, 60), warmup=2, warmup_load=line), reach=reach
    )
    assert report.findings[0].holder.size_baseline == 14


def test_a_load_that_fails_in_the_warm_up_touches_nothing(target: int, reach: FakeReach) -> None:
    with pytest.raises(UsageError, match=r"failed in the warm-up \(status 3\): no luck"):
        hunt_live(options(target, load="echo no luck; exit 3"), reach=reach)
    assert reach.agents == {}


def test_a_load_command_that_is_missing(target: int, reach: FakeReach) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        hunt_live(options(target, load="no-such-load-tool"), reach=reach)
    assert reach.agents == {}


def test_a_load_that_fails_later_makes_the_result_partial(target: int, reach: FakeReach) -> None:
    line = f"printf '%60s' x >> {reach.work}; test $(wc -c < {reach.work}) -lt 100 || exit 5"
    report = hunt_live(options(target, load=line), reach=reach)
    assert [error[:58] for error in report.errors] == [
        f"run {i} of 3 of the load command ended with status 5" for i in (1, 2, 3)
    ]
    assert report.findings[0].holder.size_final == 240


def test_a_tool_that_counted_and_failed_is_a_note(target: int, reach: FakeReach) -> None:
    report = hunt_live(options(target, load=leak(reach, 50) + "; exit 99"), reach=reach)
    assert report.errors == ()
    assert sum("ended with status 99" in note for note in report.notes) == 3


def test_what_cannot_be_reached_is_not_loaded_first(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        wrong = options(other.pid, load=f"touch {tmp_path / 'ran'}")
        with pytest.raises(TargetError, match="runs no CPython"):
            hunt_live(wrong)
        other.kill()
    assert not (tmp_path / "ran").exists()


def test_a_load_that_takes_too_long_is_ended(target: int, reach: FakeReach) -> None:
    report = hunt_live(
        options(target, load=leak(reach, 50) + "; sleep 60", warmup=0, timeout_s=0.4), reach=reach
    )
    assert len(report.errors) == 1
    assert report.errors[0].startswith("run 1 of 3 of the load command was ended after 0.")
    assert (report.cycles, report.verdict) == (None, "SUSPECT")


def test_by_time(target: int, reach: FakeReach) -> None:
    reach.work.write_bytes(b"")
    with subprocess.Popen(
        ["/bin/sh", "-c", f"while :; do printf x >> {reach.work}; sleep 0.01; done"]
    ) as traffic:
        try:
            report = hunt_live(options(target, duration_s=3.0), reach=reach)
        finally:
            traffic.kill()
    assert report.load is not None
    assert (report.load.cycle, report.cycles, report.load.command) == ("second", 3, None)
    assert report.findings[0].holder.path == KEPT
    assert [one.label for one in report.snapshots] == ["baseline", "window", "loaded", "final"]
    assert 2.9e9 < report.load.duration_ns < 4e9


def test_a_time_that_is_cut_short_counts_as_long_as_it_was(target: int, reach: FakeReach) -> None:
    reach.work.write_bytes(b"x" * 50)

    def interrupt() -> None:
        deadline = time.monotonic() + 20
        while "capture baseline" not in (reach.agent.calls if reach.agents else []):
            if time.monotonic() > deadline:
                return
            time.sleep(0.05)
        time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    report = hunt_live(options(target, duration_s=60.0, cycles=1000), reach=reach)
    thread.join()
    assert report.errors == ("interrupted: the load was ended early",)
    assert report.load is not None
    assert 0.5e9 < report.load.duration_ns < 5e9
    # What was promised for the whole time is not what was done.
    assert report.load.cycle == "second"
    assert report.cycles == max(1, round(report.load.duration_ns / 1e9))


def test_less_traffic_later_is_no_proof_of_health(target: int, reach: FakeReach) -> None:
    reach.work.write_bytes(b"")
    line = f"printf '%90s' x >> {reach.work}; sleep 60"
    with subprocess.Popen(["/bin/sh", "-c", f"sleep 0.7; {line}"], start_new_session=True) as once:
        report = hunt_live(options(target, duration_s=4.0), reach=reach)
        os.killpg(once.pid, 9)
    assert report.verdict == "SUSPECT"
    assert report.findings[0].reason.startswith("Growth ended: 90 in the first")
    assert "less was asked for then" in report.findings[0].reason
    assert report.findings[0].title.startswith("Growing collection: ")


# --- marks and keys --------------------------------------------------------------------------


def test_by_marks(target: int, tmp_path: Path) -> None:
    reach = FakeReach(tmp_path, marks=["baseline", "nonsense", "window", "loaded", "final"])
    reach.work.write_bytes(b"x" * 10)
    report = hunt_live(options(target, by_marks=True, cycles=30), reach=reach)
    assert [one.label for one in report.snapshots] == ["baseline", "window", "loaded", "final"]
    calls = [call for call in reach.agent.calls if call.startswith(("capture", "release"))]
    assert calls == [
        "capture baseline", "release", "release", "capture window", "release", "capture loaded",
        "release", "capture final", "release",
    ]  # fmt: skip
    assert any("'nonsense'" in note for note in report.notes)


def test_marks_that_never_come(target: int, reach: FakeReach) -> None:
    with pytest.raises(TargetError, match=r"did not mark the baseline within 0\.2 s"):
        hunt_live(options(target, by_marks=True, timeout_s=0.2), reach=reach)
    assert reach.agent.calls[-1] == "close"


class Keys:
    """Somebody who presses keys, one each time there is a choice."""

    def __init__(self, *labels: str) -> None:
        self.labels = list(labels)

    def poll(self, choices: tuple[str, ...]) -> str | None:
        return self.labels.pop(0) if self.labels and self.labels[0] in choices else None


@pytest.mark.parametrize("labels", [("window", "loaded", "final"), ("loaded", "final")])
def test_by_keys(target: int, reach: FakeReach, labels: tuple[str, ...]) -> None:
    reach.work.write_bytes(b"x")
    report = hunt_live(options(target, control=Keys(*labels)), reach=reach)
    assert [one.label for one in report.snapshots] == ["baseline", *labels]
    assert report.load is not None
    expected = ("third", 3) if "window" in labels else ("cycle", None)
    assert (report.load.cycle, report.cycles) == expected


class Working(Keys):
    """Somebody who works the target before each key, slowly at first."""

    def __init__(self, work: Path, sizes: dict[str, int], pause_s: float) -> None:
        super().__init__(*sizes)
        self.work, self.sizes, self.pause_s = work, sizes, pause_s

    def poll(self, choices: tuple[str, ...]) -> str | None:
        label = super().poll(choices)
        if label is not None:
            self.work.write_bytes(b"x" * self.sizes[label])
            time.sleep(self.pause_s if label == "window" else 0.0)
        return label


@pytest.mark.parametrize("pause_s", [0.0, 0.6])
def test_how_long_somebody_takes_says_nothing(
    target: int, reach: FakeReach, pause_s: float
) -> None:
    reach.work.write_bytes(b"x")
    hands = Working(reach.work, {"window": 41, "loaded": 121, "final": 121}, pause_s)
    report = hunt_live(options(target, control=hands, cycles=120), reach=reach)
    assert (report.verdict, report.findings[0].count_per_cycle) == ("LEAK", 1.0)


# --- what goes wrong -------------------------------------------------------------------------


def test_a_process_that_is_not_there(reach: FakeReach) -> None:
    done = subprocess.Popen(["true"])
    done.wait()
    with pytest.raises(TargetError, match=f"no process {done.pid}"):
        hunt_live(options(done.pid, load="true"), reach=reach)


def test_out_of_reach(target: int, reach: FakeReach) -> None:
    reach.refused.add(target)
    with pytest.raises(TargetError, match="out of reach") as caught:
        hunt_live(options(target, load="true"), reach=reach)
    assert caught.value.hint == "ask for leave"


@pytest.mark.parametrize(
    ("fails_at", "labels"),
    [
        ("capture window", ["baseline"]),
        ("capture loaded", ["baseline", "window"]),
        ("capture final", ["baseline", "window", "loaded"]),
    ],
)
def test_a_target_that_dies_leaves_a_partial_result(
    target: int, tmp_path: Path, fails_at: str, labels: list[str]
) -> None:
    reach = FakeReach(tmp_path, fails_at=fails_at)
    report = hunt_live(options(target, load=leak(reach, 50)), reach=reach)
    assert len(report.snapshots) == len(labels)
    assert len(report.errors) >= 1
    assert fails_at.removeprefix("capture ") in report.errors[-1]


def test_one_that_dies_before_the_baseline(target: int, tmp_path: Path) -> None:
    reach = FakeReach(tmp_path, fails_at="capture baseline")
    with pytest.raises(TargetError, match="ended"):
        hunt_live(options(target, load=leak(reach, 50)), reach=reach)
    assert reach.agent.calls[-1] == "close"


def test_a_load_ends_with_its_target(tmp_path: Path, reach: FakeReach) -> None:
    with subprocess.Popen(["sleep", "60"]) as started:
        line = leak(reach, 50) + f"; kill -9 {started.pid}; sleep 60"
        begun = time.monotonic()
        report = hunt_live(options(started.pid, load=line, warmup=0), reach=reach)
    assert time.monotonic() - begun < 20
    assert any("the target was gone" in error for error in report.errors)
    assert any(f"process {started.pid} ended" in error for error in report.errors)
    assert [one.label for one in report.snapshots] == ["baseline"]


def test_ctrl_c_ends_the_load_and_keeps_what_there_is(target: int, reach: FakeReach) -> None:
    def interrupt() -> None:
        wait_for(lambda: reach.agents and "capture window" in reach.agent.calls)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    pressed = threading.Thread(target=interrupt)
    pressed.start()
    line = leak(reach, 50) + f"; test $(wc -c < {reach.work}) -lt 150 || sleep 60"
    report = hunt_live(options(target, load=line), reach=reach)
    pressed.join()
    assert report.errors[0] == "interrupted: the load was ended early"
    assert [one.label for one in report.snapshots] == ["baseline", "window", "loaded", "final"]
    assert (report.cycles, reach.agent.calls[-1]) == (None, "close")


def test_ctrl_c_before_the_baseline_lets_go(target: int, reach: FakeReach) -> None:
    def interrupt() -> None:
        time.sleep(0.4)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        hunt_live(options(target, load="sleep 60"), reach=reach)
    assert reach.agents == {}


def bad(**more: Any) -> LiveOptions:
    return replace(LiveOptions(pid=1, load="true"), **more)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (bad(pid=None), "a process or a program"),
        (bad(command=("x",)), "a process or a program"),
        (bad(pid=-4), "no process number"),
        (bad(duration_s=3.0), "--load and --duration"),
        (bad(load=None), "how long the load lasts"),
        (bad(load=None, duration_s=1.0, warmup_load="x"), "--warmup-load needs"),
        (bad(load=" "), "empty"),
        (bad(ready=parse_ready("port:80")), "--ready is for a program"),
        (bad(rounds=0), "runs of the load command is 0"),
        (bad(warmup=-1), "runs of the warm-up is -1"),
        (bad(cycles=0), "cycles is 0"),
        (bad(timeout_s=float("nan")), "time limit"),
        (bad(capture="magic"), "'magic' is no way"),
    ],
)
def test_what_makes_no_hunt(wrong: LiveOptions, match: str) -> None:
    with pytest.raises(UsageError, match=match) as caught:
        hunt_live(wrong)
    assert caught.value.hint


# --- a program that is started ---------------------------------------------------------------

SERVE = "import time; print('ready', flush=True); time.sleep({seconds}); raise SystemExit({code})"


def program(reach: FakeReach, code: str, **more: Any) -> LiveOptions:
    return LiveOptions(
        command=(sys.executable, "-c", code), ready=parse_ready("line:ready"), settle_max_s=1.0,
        load=leak(reach, 50), **more,
    )  # fmt: skip


def test_a_program_is_started_hunted_and_ended(reach: FakeReach, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    code = SERVE.format(seconds=60, code=0)
    report = hunt_live(program(reach, code, save_dir=saved), reach=reach)
    assert (report.verdict, report.errors) == ("LEAK", ())
    assert report.target["command"] == [sys.executable, "-c", code]
    assert (report.target["is_launched"], report.target["exit_status"]) == (True, -15)
    assert (saved / "output.log").read_text() == "ready\n"
    assert json.loads((saved / "report.json").read_text())["verdict"] == "LEAK"
    files = [saved / f"{label}.lkheap" for label in ("baseline", "loaded", "final")]
    assert diff_files(files, cycles=150).verdict == "LEAK"


def test_a_program_that_ends_by_itself(reach: FakeReach) -> None:
    wanted = program(reach, SERVE.format(seconds=4, code=7))
    wanted = replace(wanted, load=leak(reach, 50) + "; sleep 1")
    report = hunt_live(wanted, reach=reach)
    assert any("exited with status 7" in error for error in report.errors)
    assert report.target["exit_status"] == 7


# --- a family --------------------------------------------------------------------------------

FAMILY = """
import os, sys, time
for _ in range({workers}):
    if os.fork() == 0:
        time.sleep(60)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def family() -> Iterator[int]:
    code = FAMILY.format(workers=3)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    ) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started.pid
        os.killpg(started.pid, 9)


def test_workers_are_hunted_side_by_side(family: int, reach: FakeReach) -> None:
    report = hunt_live(options(family, load=leak(reach, 90)), reach=reach)
    assert len(reach.agents) == 4
    assert (report.verdict, report.cycles, len(report.workers)) == ("LEAK", 270, 4)
    (found,) = report.findings
    assert found.workers is not None
    assert (found.workers.count, found.workers.of) == (4, 4)
    assert found.count_per_cycle == 4.0
    assert "in 4 of 4 processes" in found.title
    assert "+4 `shop.Thing` per cycle" in found.title
    assert [one.is_root for one in report.workers] == [True, False, False, False]


def test_a_worker_that_is_out_of_reach_is_said(family: int, reach: FakeReach) -> None:
    from leakhunt.target.family import find_family

    workers = [one.pid for one in find_family(family, Children.AUTO)]
    reach.refused.add(workers[1])
    report = hunt_live(options(family, load=leak(reach, 90)), reach=reach)
    assert report.findings[0].workers is not None
    assert report.findings[0].workers.of == 3
    assert any(f"process {workers[1]}" in error for error in report.errors)
    assert len(report.workers) == 4


def test_a_worker_that_dies_during_the_hunt(family: int, reach: FakeReach) -> None:
    from leakhunt.target.family import find_family

    victim = find_family(family, Children.AUTO)[2].pid
    line = leak(reach, 90) + f"; test $(wc -c < {reach.work}) -lt 200 || kill -9 {victim}"
    report = hunt_live(options(family, load=line), reach=reach)
    assert any(f"process {victim}" in error for error in report.errors)
    assert report.findings[0].workers is not None
    assert (report.findings[0].workers.count, report.findings[0].workers.of) == (3, 3)
    assert victim in {one.pid for one in report.workers}


def test_only_the_process_itself(family: int, reach: FakeReach) -> None:
    wanted = options(family, load=leak(reach, 90), children=Children.NONE)
    report = hunt_live(wanted, reach=reach)
    assert (list(reach.agents), report.workers) == ([family], ())


def test_forks_during_the_hunt_are_said(reach: FakeReach) -> None:
    code = "import os, time\nprint('ready', flush=True)\ntime.sleep(1.5)\n" + FAMILY.format(
        workers=1
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    ) as started:
        try:
            assert started.stdout is not None
            started.stdout.readline()
            wanted = options(started.pid, load=leak(reach, 50) + "; sleep 1")
            report = hunt_live(wanted, reach=reach)
        finally:
            os.killpg(started.pid, 9)
    assert any("forked during the hunt" in note for note in report.notes)


def test_the_snapshots_of_a_family_are_kept_apart(
    family: int, reach: FakeReach, tmp_path: Path
) -> None:
    saved = tmp_path / "saved"
    for _ in range(2):
        report: Report = hunt_live(
            options(family, load=leak(reach, 90), save_dir=saved), reach=reach
        )
        reach.agents.clear()
    folders = sorted(entry.name for entry in saved.iterdir() if entry.is_dir())
    assert folders == sorted(f"pid-{one.pid}" for one in report.workers)
    files = [saved / folders[0] / f"{label}.lkheap" for label in ("baseline", "loaded", "final")]
    assert diff_files(files, cycles=67).findings


# --- one snapshot ----------------------------------------------------------------------------


def test_a_snapshot(target: int, reach: FakeReach, tmp_path: Path) -> None:
    reach.work.write_bytes(b"x" * 5)
    path = tmp_path / "now.lkheap"
    taken = snapshot_process(SnapshotOptions(target, path, label="now", redact=True), reach=reach)
    assert (taken.result.path, taken.result.pause_ns) == (path, 1_500_000)
    columns = open_snapshot(path)
    assert (columns.header["label"], columns.header["redaction"]) == ("now", "hash")
    assert [one.kind for one in taken.interventions] == ["attach", "capture", "detach"]


def test_two_snapshots_can_be_compared(target: int, tmp_path: Path, reach: FakeReach) -> None:
    paths = [tmp_path / "a.lkheap", tmp_path / "b.lkheap"]
    for size, path in zip((10, 60), paths, strict=True):
        reach.work.write_bytes(b"x" * size)
        reach.agents.clear()
        snapshot_process(SnapshotOptions(target, path), reach=reach)
    report = diff_files(paths)
    assert report.findings[0].holder.path == KEPT


@pytest.mark.parametrize("name", ["missing/a.lkheap", "."])
def test_no_place_for_a_snapshot(target: int, tmp_path: Path, name: str, reach: FakeReach) -> None:
    with pytest.raises(UsageError):
        snapshot_process(SnapshotOptions(target, tmp_path / name), reach=reach)
    assert reach.agents == {}


def test_a_snapshot_takes_the_place_of_no_device(
    target: int, tmp_path: Path, reach: FakeReach
) -> None:
    """For root a new file would replace /dev/null."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        options = SnapshotOptions(target, path)
        with pytest.raises(UsageError, match="no regular file"):
            snapshot_process(options, reach=reach)
        with pytest.raises(UsageError, match="no regular file"):
            plan_snapshot(options)
    assert pipe.is_fifo()
    assert reach.agents == {}


def test_a_snapshot_goes_to_the_end_of_a_link(
    target: int, tmp_path: Path, reach: FakeReach
) -> None:
    link = tmp_path / "link.lkheap"
    link.symlink_to(tmp_path / "real.lkheap")
    taken = snapshot_process(SnapshotOptions(target, link), reach=reach)
    assert taken.result.path == tmp_path / "real.lkheap"
    assert link.is_symlink()
