"""How a scenario ends that does not by itself, and what is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import TargetError
from leakhunt.target.progress import Progress
from tests.proc_view import is_alive

ALL = ["baseline", "window", "loaded", "final"]


def test_a_hanging_cycle_is_interrupted_and_the_rest_compared(run_scenario: Any) -> None:
    text = "import time\ndef cycle(i):\n    if i == 8: time.sleep(1000)"
    outcome = run_scenario(text, timeout_s=0.5)
    assert outcome.error is None
    assert list(outcome.path_by_label) == ALL
    assert outcome.cycles_done == 5
    assert outcome.errors[0].startswith("not finished after 0.5 s (--timeout)")
    assert "the target was stopped during cycle 8 (load, 6 of 9), in cycle (" in outcome.errors[0]


def test_a_hanging_coroutine_is_interrupted(run_scenario: Any) -> None:
    text = "import asyncio\nasync def cycle(i):\n    if i == 8: await asyncio.sleep(1000)"
    outcome = run_scenario(text, timeout_s=2.5)
    assert list(outcome.path_by_label) == ALL
    assert outcome.errors[0].startswith("not finished after 2.5 s (--timeout)")


@pytest.mark.parametrize("grace", ["SIGTERM", "SIGKILL"])
def test_a_cycle_that_cannot_be_interrupted_is_killed(
    run_scenario: Any, monkeypatch: pytest.MonkeyPatch, grace: str
) -> None:
    monkeypatch.setattr("leakhunt.target.scenario_run.INTERRUPT_GRACE_S", 0.3)
    monkeypatch.setattr("leakhunt.target.scenario_run.TERMINATE_GRACE_S", 0.3)
    text = f"""
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
if {grace == "SIGKILL"}: signal.signal(signal.SIGTERM, signal.SIG_IGN)
def cycle(i):
    while i == 8: time.sleep(1)
"""
    outcome = run_scenario(text, timeout_s=0.5)
    assert list(outcome.path_by_label) == ["baseline", "window"]
    assert "not finished after 0.5 s (--timeout): the target was stopped" in outcome.errors[0]
    assert "during cycle 8 (load, 6 of 9)" in outcome.errors[0]


def test_a_hanging_setup_is_a_target_error(run_scenario: Any) -> None:
    text = "import time\ndef setup(): time.sleep(1000)\ndef cycle(i): pass"
    error = run_scenario(text, timeout_s=0.5).error
    assert isinstance(error, TargetError)
    assert "not finished after 0.5 s" in str(error)
    assert "--timeout" in error.hint


def test_threads_that_never_end_do_not_hold_the_target(run_scenario: Any) -> None:
    text = """
import threading, time
def setup(): threading.Thread(target=time.sleep, args=(1000,)).start()
def cycle(i): pass
"""
    started = time.monotonic()
    outcome = run_scenario(text)
    assert outcome.errors == ()
    assert outcome.measure_by_label["final"].threads == 2
    assert time.monotonic() - started < 8


def test_processes_that_the_scenario_left_are_ended(run_scenario: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"""
import subprocess
def setup():
    child = subprocess.Popen(["sleep", "1000"])
    open({str(log)!r}, "w").write(str(child.pid))
def cycle(i): pass
"""
    assert run_scenario(text).errors == ()
    _assert_gone(int(log.read_text()))


def _assert_gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def test_exit_functions_run_and_output_is_flushed(run_scenario: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"""
import atexit
atexit.register(lambda: open({str(log)!r}, "w").write("bye"))
def cycle(i): pass
"""
    assert run_scenario(text).errors == ()
    assert log.read_text() == "bye"


def test_an_exit_function_that_hangs_is_cut_short(
    run_scenario: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leakhunt.target.scenario_run.EXIT_GRACE_S", 0.3)
    text = "import atexit, time\natexit.register(time.sleep, 1000)\ndef cycle(i): pass"
    outcome = run_scenario(text)
    assert (outcome.error, outcome.errors) == (None, ())


def test_ctrl_c_ends_the_load_and_keeps_the_result(run_scenario: Any) -> None:
    def press(progress: Progress) -> None:
        if progress.phase == "load" and (progress.done or 0) > 2:
            os.kill(os.getpid(), signal.SIGINT)

    outcome = run_scenario("import time\ndef cycle(i): time.sleep(0.1)", press, cycles=100)
    assert outcome.error is None
    assert list(outcome.path_by_label) == ["baseline", "loaded", "final"]
    assert 2 < outcome.cycles_done < 99
    assert outcome.errors[0].startswith("interrupted: the target was stopped")


def test_ctrl_c_before_the_baseline_ends_everything(run_scenario: Any) -> None:
    def press(progress: Progress) -> None:
        if progress.phase == "setup":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_scenario("import time\ndef setup(): time.sleep(9)\ndef cycle(i): pass", press)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_tool_that_is_terminated_leaves_nothing(
    run_scenario: Any, number: signal.Signals
) -> None:
    def end(progress: Progress) -> None:
        if progress.phase == "load":
            os.kill(os.getpid(), number)

    with pytest.raises(SystemExit) as caught:
        run_scenario("import time\ndef cycle(i): time.sleep(0.1)", end, cycles=1000)
    assert caught.value.code == 128 + number
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_tool_that_is_killed_leaves_nothing(own: Any, fake_agent: Path, tmp_path: Path) -> None:
    (tmp_path / "tried.py").write_text("import time\ndef cycle(i): time.sleep(0.05)")
    (tmp_path / "runs").mkdir()
    program = f"""
import os, sys
from pathlib import Path
from leakhunt.target.interpreter import own_interpreter
from leakhunt.target.scenario_run import ScenarioRun, ScenarioSpec
spec = ScenarioSpec(Path({str(tmp_path / "tried.py")!r}), 10_000, 0, None, 1.0, True, None, True,
                    False)
run = ScenarioRun(spec, own_interpreter(), Path({str(fake_agent)!r}),
                  Path({str(tmp_path / "runs")!r}))
def end(progress):
    if progress.phase == "load":
        print(run._process.pid, flush=True)
        os.kill(os.getpid(), 9)
run.wait(end)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    _assert_gone(int(done.stdout))
    assert list((tmp_path / "runs").iterdir()) == []
