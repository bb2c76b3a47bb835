"""`leakhunt hunt PID`, `leakhunt hunt -- COMMAND` and `leakhunt snapshot`: what arrives."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.cli import main
from leakhunt.hunt.live_options import LiveOptions, SnapshotOptions
from leakhunt.hunt.plan import Plan, PlannedProcess
from leakhunt.hunt.snapshot import SnapshotTaken
from leakhunt.report.intervention import Intervention
from leakhunt.target.answers import CaptureResult
from leakhunt.target.family import Children
from leakhunt.target.readiness import parse_ready
from tests.golden import sample_reports as samples


@pytest.fixture
def hunted(monkeypatch: pytest.MonkeyPatch) -> list[LiveOptions]:
    """Options of the hunts that were asked for; the answer is the sample report of a live one."""
    seen: list[LiveOptions] = []

    def hunt_live(options: LiveOptions, _tell: Any) -> Any:
        seen.append(options)
        return samples.LIVE

    import leakhunt.hunt

    monkeypatch.setattr(leakhunt.hunt, "hunt_live", hunt_live, raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return seen


def test_a_process(hunted: list[LiveOptions]) -> None:
    assert main(["hunt", "4242", "--load", "wrk x"]) == 1
    assert hunted == [LiveOptions(sites=0, pid=4242, load="wrk x")]


def test_every_option_of_a_process(hunted: list[LiveOptions], tmp_path: Path) -> None:
    main(
        [
            "hunt", "7", "--load", "a b", "--rounds", "5", "--warmup", "2", "--warmup-load", "c",
            "--cycles", "9", "--children", "--capture", "fork", "--redact", "--content", "--method",
            "gdb",
            "--force", "--timeout", "0", "--settle", "1", "--no-collect", "--max-pause", "50",
            "--save", str(tmp_path / "s"), "--no-birth", "--show-output",
        ]
    )  # fmt: skip
    assert hunted == [
        LiveOptions(
            sites=0,
            pid=7, load="a b", rounds=5, warmup=2, warmup_load="c", cycles=9,
            children=Children.ALL, capture="fork", redact=True, content=True,
            method="gdb", force=True,
            timeout_s=None, settle_max_s=1.0, collect=False, max_pause_ms=50.0,
            save_dir=tmp_path / "s", birth=False, show_output=True,
        )
    ]  # fmt: skip


def test_a_process_takes_no_command(
    hunted: list[LiveOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hunt", "7", "--load", "x", "--", "python", "app.py"]) == 2
    assert "process 7 and 'python' do not go together" in capsys.readouterr().err
    assert not hunted


def test_a_program_to_start(hunted: list[LiveOptions]) -> None:
    main(["hunt", "--load", "x", "--ready", "port:80", "--", "python", "app.py", "--load", "1"])
    command = ("python", "app.py", "--load", "1")
    assert hunted == [LiveOptions(sites=0, command=command, load="x", ready=parse_ready("port:80"))]


def test_time_and_marks_end_a_load_too(hunted: list[LiveOptions]) -> None:
    main(["hunt", "7", "--duration", "60"])
    main(["hunt", "7", "--marks", "--no-children"])
    assert hunted == [
        LiveOptions(sites=0, pid=7, duration_s=60.0),
        LiveOptions(sites=0, pid=7, by_marks=True, children=Children.NONE),
    ]


def test_the_report_of_a_family(
    hunted: list[LiveOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["hunt", "7", "--load", "x"])
    assert "3 of 5 (pid 4243, 4244, 4246)" in capsys.readouterr().out
    main(["hunt", "7", "--load", "x", "--json"])
    value = json.loads(capsys.readouterr().out)
    assert value["findings"][0]["workers"] == {"count": 3, "of": 5, "pids": [4243, 4244, 4246]}


SCENARIO = "checkout.py"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to hunt"),
        (["--scenario", SCENARIO, "stray"], "--scenario and 'stray' do not go together"),
        (["--scenario", SCENARIO, "--load", "x"], "--load is for live processes"),
        (["--scenario", SCENARIO, "--marks"], "--marks is for live processes"),
        (["--scenario", SCENARIO, "--dry-run"], "--dry-run is for live processes"),
        (["--scenario", SCENARIO, "--no-children"], "--children is for live processes"),
        (["7", "--python", "python3", "--load", "x"], "--python is for --scenario"),
        (["7", "--ladder", "3", "--load", "x"], "--ladder is for --scenario"),
        (["7", "--load", "x", "--ready", "smoke"], "'smoke' is no sign of readiness"),
        (["7", "--load", "x", "--rounds", "0"], "0: at least 1 is needed"),
        (["7", "--capture", "magic"], "'magic' is not one of"),
    ],
)
def test_what_does_not_go_together(
    arguments: list[str],
    message: str,
    hunted: list[LiveOptions],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["hunt", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, hunted) == ("", [])
    assert message in err
    assert "\nhint: " in err


@pytest.mark.parametrize(
    "arguments", [["99999999999"], ["0", "--duration", "1"], ["4242", "--load", "x", "--marks"]]
)
def test_what_the_use_case_refuses(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert main(["hunt", *arguments]) == 2
    assert "\nhint: " in capsys.readouterr().err


# --- a plan ----------------------------------------------------------------------------------

PLAN = Plan(
    processes=(
        PlannedProcess(7, ("python", "x\x1b[0m.py"), "3.12.1", "pending call", "heap.so", ()),
    ),
    steps=("attach", "detach"),
)


def planned(monkeypatch: pytest.MonkeyPatch, plan: Plan) -> None:
    monkeypatch.setattr("leakhunt.hunt.plan.plan_hunt", lambda _options: plan)
    monkeypatch.setattr("leakhunt.hunt.plan.plan_snapshot", lambda _options: plan)


def test_a_dry_run_does_nothing(
    hunted: list[LiveOptions],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    planned(monkeypatch, PLAN)
    assert main(["hunt", "7", "--load", "x", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("process 7: CPython 3.12.1, python x\\x1b[0m.py\n")
    assert "  1. attach\n  2. detach\n" in out
    assert "stays mapped" in out
    assert hunted == []


def test_a_dry_run_that_would_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = replace(PLAN.processes[0], obstacles=(("too old", "renew it"),))
    planned(monkeypatch, replace(PLAN, processes=(refused,)))
    assert main(["snapshot", "7", "-o", "x.lkheap", "--dry-run"]) == 3
    assert "  refused: too old\n    remedy: renew it\n" in capsys.readouterr().out
    assert main(["snapshot", "7", "-o", "x.lkheap", "--dry-run", "--json"]) == 3
    value = json.loads(capsys.readouterr().out)
    assert value["is_ready"] is False
    assert value["processes"][0]["obstacles"] == [["too old", "renew it"]]


# --- a snapshot ------------------------------------------------------------------------------

TAKEN = SnapshotTaken(
    pid=7,
    result=CaptureResult(Path("now.lkheap"), 1_500_000, "fork", "", 9_000_000, 1_400_000, 55_000,
                         640_000, False),
    interventions=(Intervention(7, "attach", 1, 300_000, "ptrace"),),
    notes=("a note",),
)  # fmt: skip


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[SnapshotOptions]:
    seen: list[SnapshotOptions] = []

    def snapshot_process(options: SnapshotOptions, _tell: Any) -> SnapshotTaken:
        seen.append(options)
        return TAKEN

    import leakhunt.hunt

    monkeypatch.setattr(leakhunt.hunt, "snapshot_process", snapshot_process, raising=False)
    return seen


def test_a_snapshot(taken: list[SnapshotOptions], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["snapshot", "7", "-o", "now.lkheap", "--label", "now", "--capture", "in-process"]
    assert main([*arguments, "--redact"]) == 0
    assert taken == [
        SnapshotOptions(7, Path("now.lkheap"), label="now", capture="in-process", redact=True)
    ]
    assert capsys.readouterr().out == (
        "now.lkheap: 55,000 objects, 625.0 KiB\n"
        "process 7 stood still for 1.5 ms (fork)\n"
        "attaching stopped it for 300 us\n"
        "note: a note\n"
    )


def test_a_snapshot_as_json(
    taken: list[SnapshotOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["snapshot", "7", "-o", "now.lkheap", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["path"], value["pause_ns"], value["mode"]) == ("now.lkheap", 1_500_000, "fork")
    assert value["interventions"] == [asdict(TAKEN.interventions[0])]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["7"], "missing option '-o'"),
        (["x", "-o", "f"], "'x' is not a whole number"),
        (["-o", "f"], "missing argument 'PID'"),
    ],
)
def test_bad_requests_for_a_snapshot(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["snapshot", *arguments]) == 2
    assert message in capsys.readouterr().err


# --- keys ------------------------------------------------------------------------------------

KEYS = """
import sys
from leakhunt.cli.keys import Keys
with Keys(is_wanted=True) as keys:
    for choices in (("window", "loaded"), ("loaded",), ("final",)):
        while (label := keys.poll(choices)) is None:
            pass
        print(label, flush=True)
"""


def test_keys_at_a_terminal() -> None:
    parent, child = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", KEYS], stdin=child, stdout=subprocess.PIPE, stderr=child
    ) as started:
        os.close(child)
        assert started.stdout is not None
        said = b""
        for key, label in ((b"xw", b"window"), (b"w\n", b"loaded"), (b" ", b"final")):
            while b": " not in said:
                said += os.read(parent, 4096)
            time.sleep(0.05)
            os.write(parent, key)
            assert started.stdout.readline().strip() == label
            said = said.rpartition(b"\n")[2] if label == b"final" else b""
    os.close(parent)
    assert started.returncode == 0
