"""Scenarios that are run: what they give, and what their failures leave."""

from __future__ import annotations

import errno
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import TargetError, UsageError
from leakhunt.target.progress import Progress

ALL = ["baseline", "window", "loaded", "final"]


def test_a_plain_scenario_gives_four_snapshots_and_no_errors(run_scenario: Any) -> None:
    seen: list[Progress] = []
    outcome = run_scenario("def cycle(i): pass", seen.append)
    assert outcome.error is None
    assert (outcome.errors, outcome.notes) == ((), ())
    assert list(outcome.path_by_label) == ALL
    assert outcome.cycles_done == 9
    assert outcome.collect_ns[-1] > 0
    assert set(outcome.measure_by_label) == set(ALL)
    assert all(m.rss_bytes > 0 for m in outcome.measure_by_label.values())
    assert all(m.threads == 1 for m in outcome.measure_by_label.values())
    assert len({m.descriptors for m in outcome.measure_by_label.values()}) == 1


def test_headers_say_since_when_births_count(run_scenario: Any, tmp_path: Path) -> None:
    outcome = run_scenario("def cycle(i): pass")
    headers = {name: json.loads((tmp_path / f"{name}.copy").read_text()) for name in ALL}
    assert [headers[name]["identity"]["since"] for name in ALL] == [
        None, "baseline", "window", "loaded",
    ]  # fmt: skip
    assert [headers[name]["sequence"] for name in ALL] == [0, 1, 2, 3]
    assert {headers[name]["process"]["pid"] for name in ALL} == {outcome.pid}
    assert len({headers[name]["process"]["start_ticks"] for name in ALL}) == 1
    assert headers["final"]["format"] == "leakhunt-stream"
    assert headers["final"]["label"] == "final"


def test_hooks_run_once_in_order_and_cycles_count_on(run_scenario: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"""
import sys
def note(word):
    with open({str(log)!r}, "a") as file: print(word, file=file)
def setup(): note("setup " + __name__ + " " + sys.argv[0] + " " + sys.path[0])
def cycle(i): note(i)
def settle(): note("settle")
def teardown(): note("teardown")
"""
    outcome = run_scenario(text, cycles=4, warmup=2)
    assert outcome.error is None
    lines = log.read_text().splitlines()
    assert lines[0] == f"setup tried {tmp_path / 'tried.py'} {tmp_path}"
    assert lines[1:] == ["0", "1", "2", "3", "4", "5", "settle", "teardown"]


def test_async_hooks_share_one_loop_with_plain_ones(run_scenario: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"""
import asyncio, contextvars
seen = contextvars.ContextVar("seen")
loops = set()
def note():
    loops.add(id(asyncio.get_running_loop()))
async def ticker():
    while True:
        await asyncio.sleep(0.01)
async def setup():
    global task
    note()
    seen.set("kept")
    task = asyncio.create_task(ticker())
def settle(): note()
async def cycle(i):
    note()
    assert seen.get() == "kept"
    await asyncio.sleep(0)
async def teardown():
    note()
    with open({str(log)!r}, "w") as file: print(len(loops), task.done(), file=file)
"""
    outcome = run_scenario(text)
    assert (outcome.errors, outcome.notes) == ((), ())
    assert log.read_text() == "1 False\n"


def test_a_plain_cycle_that_returns_a_coroutine_is_refused(run_scenario: Any) -> None:
    outcome = run_scenario(
        "async def work(): pass\ndef cycle(i):\n  c = work()\n  c.close()\n  return c"
    )
    assert isinstance(outcome.error, TargetError)
    assert "async def" in str(outcome.error)


def test_the_collector_is_left_as_the_program_has_it(run_scenario: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"""
import gc
gc.disable(); gc.set_threshold(11, 12, 13)
def cycle(i): pass
def teardown(): open({str(log)!r}, "w").write(f"{{gc.isenabled()}} {{gc.get_threshold()}}")
"""
    assert run_scenario(text).error is None
    assert log.read_text() == "False (11, 12, 13)"


def test_the_agent_stays_out_of_sys_modules_and_sys_path(run_scenario: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"""
import sys
def cycle(i): pass
def teardown():
    open({str(log)!r}, "w").write("\\n".join([*sys.modules, *sys.path]))
"""
    assert run_scenario(text).error is None
    words = log.read_text().splitlines()
    assert "_heap" not in words
    assert not [w for w in words if "leakhunt" in w and "site-packages" not in w and "/tests" in w]
    assert not [w for w in words if w.endswith("leakhunt/agent")]


def test_an_exception_in_a_cycle_keeps_the_partial_result(run_scenario: Any) -> None:
    text = "def work(i):\n    if i == 8: raise ValueError('boom')\ndef cycle(i):\n    work(i)\n"
    outcome = run_scenario(text)
    assert outcome.error is None
    assert list(outcome.path_by_label) == ALL
    assert outcome.cycles_done == 5
    (story,) = outcome.errors
    assert story.startswith("cycle 8 (load, 6 of 9) raised ValueError: boom, in work (")
    assert "tried.py:2), called from cycle (" in story
    assert story.endswith("tried.py:4): `if i == 8: raise ValueError('boom')`")
    assert "scenario.py" not in story


@pytest.mark.parametrize("raised", ["SystemExit(3)", "KeyboardInterrupt()", "GeneratorExit()"])
def test_exceptions_that_end_programs_are_caught(run_scenario: Any, raised: str) -> None:
    outcome = run_scenario(f"def cycle(i):\n    if i == 4: raise {raised}")
    assert outcome.error is None
    assert "final" in outcome.path_by_label
    assert outcome.cycles_done == 1
    assert raised.partition("(")[0] in outcome.errors[0]


def test_an_exception_without_text_is_described(run_scenario: Any) -> None:
    text = """
class Nasty(Exception):
    def __str__(self): raise RuntimeError("no")
def cycle(i): raise Nasty
"""
    assert "Nasty: (its text cannot be had: RuntimeError)" in str(run_scenario(text).error)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("x = 1", UsageError, "defines no function cycle(i)"),
        ("cycle = 3", UsageError, "defines no function cycle(i)"),
        ("def cycle(", UsageError, "cannot be imported"),
        ("import no_such_module_at_all", UsageError, "No module named 'no_such_module_at_all'"),
        ("1/0\ndef cycle(i): pass", UsageError, "ZeroDivisionError"),
        ("def setup(): 1/0\ndef cycle(i): pass", TargetError, "ZeroDivisionError"),
        ("def cycle(i): 1/0", TargetError, "cycle 0 (warm-up, 1 of 3) raised ZeroDivisionError"),
        ("def cycle(): pass", TargetError, "TypeError"),
        ("import os; os._exit(7)", TargetError, "exited with status 7 while the scenario was"),
        ("import os\ndef setup(): os._exit(0)\ndef cycle(i): pass", TargetError, "in setup()"),
    ],
)
def test_what_ends_a_run_before_the_baseline(
    run_scenario: Any, text: str, kind: type, message: str
) -> None:
    outcome = run_scenario(text)
    assert type(outcome.error) is kind
    assert message in str(outcome.error)
    assert getattr(outcome.error, "hint", "")
    assert outcome.path_by_label == {}


def test_a_failing_setup_does_not_call_teardown(run_scenario: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"""
def setup(): 1/0
def cycle(i): pass
def teardown(): open({str(log)!r}, "w")
"""
    assert run_scenario(text).error is not None
    assert not log.exists()


def test_failures_of_settle_and_teardown(run_scenario: Any) -> None:
    text = "def cycle(i): pass\ndef settle(): 1/0\ndef teardown(): 2/0"
    outcome = run_scenario(text)
    assert outcome.error is None
    assert list(outcome.path_by_label) == ALL
    assert outcome.errors[0].startswith("settle() raised ZeroDivisionError")
    assert len(outcome.errors) == 1
    assert outcome.notes[0].startswith("teardown() raised ZeroDivisionError")


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        ("os._exit(7)", "the target exited with status 7 during cycle 8 (load, 6 of 9)"),
        ("os.kill(os.getpid(), 9)", "the target was killed by SIGKILL during cycle 8"),
        ("os.abort()", "the target was killed by SIGABRT during cycle 8"),
    ],
)
def test_a_target_that_dies_in_the_load(run_scenario: Any, ending: str, message: str) -> None:
    text = f"""
import os
def cycle(i):
    print("cycle", i, flush=True)
    if i == 8: {ending}
"""
    outcome = run_scenario(text)
    assert outcome.error is None
    assert list(outcome.path_by_label) == ["baseline", "window"]
    assert message in outcome.errors[0]
    assert outcome.errors[0].endswith(
        "its last output: " + " | ".join(f"cycle {i}" for i in range(4, 9))
    )


def test_a_forked_child_that_returns_does_not_go_on(run_scenario: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"""
import os
def cycle(i):
    if os.fork() and os.wait():
        open({str(log)!r}, "a").write("x")
"""
    outcome = run_scenario(text)
    assert (outcome.error, outcome.errors) == (None, ())
    assert log.read_text() == "x" * 12


def test_a_forked_child_that_raises_does_not_report(run_scenario: Any) -> None:
    text = """
import os
def cycle(i):
    if os.fork() == 0:
        raise ValueError("of the child")
    os.wait()
"""
    assert run_scenario(text).errors == ()


def test_a_program_that_closes_all_descriptors(run_scenario: Any) -> None:
    outcome = run_scenario("import os\ndef cycle(i):\n    os.closerange(0, 1024)")
    assert (outcome.error, outcome.errors) == (None, ())
    assert list(outcome.path_by_label) == ALL


def test_a_program_that_uses_up_all_descriptors(run_scenario: Any) -> None:
    text = """
import os, resource
kept = []
def setup():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
def cycle(i):
    if i == 5:
        while True:
            kept.append(open("/dev/null"))
"""
    outcome = run_scenario(text)
    assert outcome.error is None
    assert "Too many open files" in outcome.errors[0]
    assert list(outcome.path_by_label) == ["baseline", "loaded", "final"]


@pytest.mark.parametrize("label", ["baseline", "window", "loaded", "final"])
def test_a_full_disk(run_scenario: Any, monkeypatch: pytest.MonkeyPatch, label: str) -> None:
    monkeypatch.setenv("FAKE_AGENT", f"errno:{label}:{errno.ENOSPC}")
    outcome = run_scenario("def cycle(i): pass")
    stories = outcome.notes if label == "window" else outcome.errors
    assert "No space left on device" in stories[0]
    assert f"during the capture of the {label} snapshot" in stories[0]
    if label == "baseline":
        assert isinstance(outcome.error, TargetError)
        assert "space" in outcome.error.hint
    else:
        assert list(outcome.path_by_label) == [name for name in ALL if name != label]


def test_births_count_since_the_last_snapshot_that_was_taken(
    run_scenario: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FAKE_AGENT", f"errno:window:{errno.ENOSPC}")
    run_scenario("def cycle(i): pass")
    header = json.loads((tmp_path / "loaded.copy").read_text())
    assert header["identity"]["since"] == "baseline"


def test_an_unknown_layout_is_refused(run_scenario: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_AGENT", "self_test")
    error = run_scenario("def cycle(i): pass").error
    assert isinstance(error, TargetError)
    assert "unknown layout" in str(error)


def test_collections_are_refused_when_they_would_take_too_long(run_scenario: Any) -> None:
    outcome = run_scenario("def cycle(i): pass", max_pause_ms=0.0001)
    assert outcome.collect_ns == ()
    assert any("--max-pause" in note for note in outcome.notes)


def test_no_collect_forces_none(run_scenario: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"""
import gc
count = 0
def called(phase, info):
    global count
    count += 1
def setup():
    gc.disable()
    gc.callbacks.append(called)
def cycle(i): pass
def teardown(): open({str(log)!r}, "w").write(str(count))
"""
    assert run_scenario(text, collect=False).collect_ns == ()
    assert log.read_text() == "0"


def test_collections_go_on_until_one_frees_nothing_five_at_most(run_scenario: Any) -> None:
    text = """
class Lazarus:
    def __init__(self): self.me = self
    def __del__(self): Lazarus()
def cycle(i): pass
def settle(): Lazarus()
"""
    assert len(run_scenario(text).collect_ns) == 5


def test_a_target_that_never_rests_is_noted(run_scenario: Any) -> None:
    text = """
import threading, time
kept = []
def grow():
    while True:
        kept.append(bytearray(20_000))
        time.sleep(0.001)
def setup(): threading.Thread(target=grow, daemon=True).start()
def cycle(i): pass
"""
    outcome = run_scenario(text, settle_max_s=0.5)
    assert any("did not come to rest" in note for note in outcome.notes)


def test_output_beyond_the_limit_is_dropped(
    run_scenario: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leakhunt.target.process.OUTPUT_BYTES_MAX", 100_000)
    text = """
import os, time
def cycle(i):
    print("x" * 200_000, flush=True)
    time.sleep(0.05)
    print("the end", flush=True)
    if i == 8: os._exit(1)
"""
    assert "the end" in run_scenario(text).errors[0]


def test_a_run_in_another_thread_than_the_main_one(run_scenario: Any) -> None:
    outcomes: list[Any] = []
    thread = threading.Thread(target=lambda: outcomes.append(run_scenario("def cycle(i): pass")))
    thread.start()
    thread.join(20)
    assert outcomes[0].errors == ()


def test_replaced_clocks_and_os_functions_do_not_disturb(run_scenario: Any) -> None:
    text = """
import os, time, gc, sys
def broken(*a, **k): raise RuntimeError("replaced")
def setup():
    time.perf_counter_ns = time.sleep = os.open = os.write = os.close = broken
    os.listdir = gc.collect = sys.getallocatedblocks = broken
def cycle(i): pass
"""
    outcome = run_scenario(text)
    assert (outcome.error, outcome.errors) == (None, ())
