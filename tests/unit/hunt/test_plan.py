"""What a dry run says is what a hunt does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from leakhunt.hunt.live_options import LiveOptions, SnapshotOptions
from leakhunt.hunt.plan import plan_hunt, plan_snapshot

APP = ("python", "app.py")


def beginnings(options: LiveOptions) -> list[str]:
    """The first two words of each step."""
    return [" ".join(step.split()[:2]) for step in plan_hunt(options).steps]


def test_the_warm_up_comes_before_the_attach() -> None:
    assert beginnings(LiveOptions(command=APP, load="true")) == [
        "start 'python", "warm up:", "attach", "wait until", "sample allocations:",
        "watch births:", "take the", "run 'true'", "take the", "wait until", "take the",
        "put everything", "end it",
    ]  # fmt: skip


def test_a_program_that_marks_its_moments_is_not_waited_for() -> None:
    steps = plan_hunt(LiveOptions(command=APP, by_marks=True, birth=False)).steps
    assert steps[2:4] == (
        "wait until the program marks the baseline",
        "force collections until one frees nothing (finalizers run)",
    )
    assert not any("at rest" in step for step in steps)


def test_without_collections_none_is_announced() -> None:
    steps = plan_hunt(LiveOptions(command=APP, by_marks=True, collect=False)).steps
    assert not any("collection" in step for step in steps)


def test_behind_a_wrapper_the_program_is_looked_at(tmp_path: Path) -> None:
    line = f"{sys.executable} -c 'print(1, flush=True); import time; time.sleep(60)' & read x"
    with subprocess.Popen(
        ["/bin/sh", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        plan = plan_hunt(LiveOptions(pid=shell.pid, duration_s=1.0))
        (process,) = plan.processes
        snapshot = plan_snapshot(SnapshotOptions(shell.pid, tmp_path / "now.lkheap"))
        assert [one.pid for one in snapshot.processes] == [process.pid]
        subprocess.run(["kill", str(process.pid)], check=True)
        shell.communicate(b"\n")
    assert process.pid != shell.pid
    assert process.command[0] == sys.executable
    assert plan.is_ready
