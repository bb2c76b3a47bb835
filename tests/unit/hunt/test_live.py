"""Hunts of a process that runs: their order, their load, what goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import TargetError, UsageError
from leakhunt.hunt import LiveOptions, hunt_live
from leakhunt.target.progress import Progress
from leakhunt.target.readiness import parse_ready
from tests.unit.hunt.fake_agent import FakeReach, wait_for
from tests.unit.hunt.hunting import KEPT, leak, options

pytestmark = pytest.mark.usefixtures("quick")


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
