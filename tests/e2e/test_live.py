"""Live processes that nobody prepared: hunted, compared, and left as they were."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import TargetError
from leakhunt.hunt import LiveOptions, SnapshotOptions, diff_files, hunt_live, snapshot_process
from leakhunt.hunt.bill import bill_of_process
from leakhunt.hunt.top import Top
from leakhunt.report.model import Report
from leakhunt.store.reader import open_snapshot
from leakhunt.target.process_table import descendants, read_table
from leakhunt.target.readiness import parse_ready
from tests.e2e.servers import ROOT, SERVERS, SHOP_PYTHON, Server, ask, free_port, load_line

pytestmark = pytest.mark.e2e

HOLDER = "visits.VISITS"
OWN = Path(sys.executable)
"""Where one version is as good as another."""
PAUSES = {"attach", "birth_start", "capture", "collect", "detach", "sites_start"}


def isolated(python: Path, port: int) -> Server:
    return Server([python, "-I", SERVERS / "plain_http.py", str(port)], port)


def check_visits(report: Report, cycles: int) -> None:
    """The planted leak is named, with its exact rate."""
    found = {finding.holder.path: finding for finding in report.findings}
    assert HOLDER in found, list(found)
    assert (report.errors, report.cycles) == ((), cycles)
    assert (found[HOLDER].verdict, found[HOLDER].count_per_cycle) == ("LEAK", 1.0)
    others = [one for one in report.findings if one.verdict == "LEAK" and one.holder.path != HOLDER]
    assert [(one.holder.path, one.reason) for one in others] == []


def below(pid: int, words: bytes) -> list[int]:
    """Descendants of a process with these words in their command line."""
    found = []
    for one in descendants(read_table(), pid):
        with contextlib.suppress(OSError):
            if words in Path(f"/proc/{one.pid}/cmdline").read_bytes():
                found.append(one.pid)
    return found


def keepers(pid: int) -> list[int]:
    """The shells that end what a hunt started when it is killed."""
    return below(pid, b"read -r _ && exit")


def test_an_isolated_server_is_hunted_and_left_as_it_was(python: Path) -> None:
    port = free_port()
    with isolated(python, port) as server:
        before = (server.descriptors, server.threads)
        report = hunt_live(LiveOptions(pid=server.pid, load=load_line(port, 100)))
        check_visits(report, 300)
        assert (server.descriptors, server.threads) == before
        assert ask(port) == 200
    assert {one.kind for one in report.interventions} == PAUSES
    assert {one.label for one in report.snapshots} == {"baseline", "window", "loaded", "final"}
    assert report.identity.method != "address and type"
    assert "births" not in " ".join(report.notes).lower()


def test_two_snapshots_at_any_time(python: Path, tmp_path: Path) -> None:
    port = free_port()
    paths = [tmp_path / "before.lkheap", tmp_path / "after.lkheap"]
    with isolated(python, port) as server:
        for path in paths:
            taken = snapshot_process(SnapshotOptions(server.pid, path, label=path.stem))
            assert taken.result.pause_ns > 0
            assert path.stat().st_mode & 0o777 == 0o600
            subprocess.run(load_line(port, 60), shell=True, check=True, capture_output=True)
        assert ask(port) == 200
    report = diff_files(paths, cycles=60)
    found = {one.holder.path: one for one in report.findings}[HOLDER]
    assert (found.holder.size_final or 0) - (found.holder.size_baseline or 0) == 60
    kinds = [one["kind"] for one in open_snapshot(paths[1]).header["interventions"]]
    assert kinds == ["attach"]


def test_the_number_of_a_wrapper_stands_for_the_program_below_it(tmp_path: Path) -> None:
    port = free_port()
    line = f'"{OWN}" -I {SERVERS / "plain_http.py"} {port}; true'
    with Server(["sh", "-c", line], port) as server:
        (program,) = children_of(server.pid)
        load = load_line(port, 100)
        report = hunt_live(LiveOptions(pid=server.pid, load=load, warmup=0))
        taken = snapshot_process(SnapshotOptions(server.pid, tmp_path / "now.lkheap"))
        billed = bill_of_process(server.pid)
        with Top(server.pid) as top:
            seen = top.look().pid
    check_visits(report, 300)
    assert report.target["pid"] == taken.pid == billed.pid == seen == program
    (note,) = taken.notes
    assert note in report.notes
    assert note.startswith(f"process {server.pid} (sh -c ")
    assert note.endswith(f"is a wrapper: the program is process {program} below it")


def children_of(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_redacted_snapshot_holds_no_text(tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "redacted.lkheap"
    with isolated(OWN, port) as server:
        snapshot_process(SnapshotOptions(server.pid, path, redact=True))
    assert open_snapshot(path).header["redaction"] == "hash"
    assert b"VISITS" not in path.read_bytes()


def leakhunt(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "leakhunt", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_program_is_started_under_load(tmp_path: Path) -> None:
    port, saved = free_port(), tmp_path / "saved"
    wrapper = tmp_path / "serve.sh"
    wrapper.write_text(f'#!/bin/sh\n"{OWN}" -I {SERVERS / "plain_http.py"} {port}\n')
    arguments = [
        "hunt", "--load", load_line(port, 80), "--ready", f"port:{port}", "--save", str(saved),
        "--json", "--", "sh", str(wrapper),
    ]  # fmt: skip
    with leakhunt(*arguments) as done:
        out, err = done.communicate(timeout=120)
    assert (done.returncode, err) == (1, "")
    report = json.loads(out)
    assert report["findings"][0]["holder"]["path"] == HOLDER
    assert report["target"]["is_launched"] is True
    files = [str(saved / f"{label}.lkheap") for label in ("baseline", "loaded", "final")]
    with leakhunt("diff", *files, "--cycles", "240", "--json") as again:
        assert json.loads(again.communicate(timeout=60)[0])["verdict"] == "LEAK"
    with pytest.raises(OSError, match="refused"):
        ask(port)


def test_ctrl_c_leaves_the_target_alone() -> None:
    port = free_port()
    with isolated(OWN, port) as server:
        before = (server.descriptors, server.threads)
        load = f"{load_line(port, 50)}; sleep 120"
        with leakhunt("hunt", str(server.pid), "--load", load, "--warmup", "0") as hunting:
            wait_until(lambda: below(hunting.pid, b"sleep 120"))
            hunting.send_signal(signal.SIGINT)
            wait_until(lambda: not below(hunting.pid, b"sleep 120"))
            time.sleep(0.2)  # two at the same moment would be one
            hunting.send_signal(signal.SIGINT)
            _, err = hunting.communicate(timeout=60)
        assert hunting.returncode == 130, err
        wait_until(lambda: (server.descriptors, server.threads) == before)
        assert ask(port) == 200
        check_visits(hunt_live(LiveOptions(pid=server.pid, load=load_line(port, 60))), 180)


def test_a_tool_that_is_killed_leaves_the_target_alone() -> None:
    port = free_port()
    with isolated(OWN, port) as server:
        before = (server.descriptors, server.threads)
        load = f"{load_line(port, 50)}; sleep 20"
        with leakhunt("hunt", str(server.pid), "--load", load, "--warmup", "0") as hunting:
            wait_until(lambda: any("leakhunt" in name for name in server.threads))
            time.sleep(2)
            hunting.kill()
            hunting.communicate(timeout=60)
        wait_until(lambda: (server.descriptors, server.threads) == before)
        assert ask(port) == 200


def test_a_tool_that_is_killed_leaves_nothing_that_it_started(tmp_path: Path) -> None:
    said = tmp_path / "said"
    code = f"""
import pathlib, signal, sys, time
def end(*_):
    pathlib.Path({str(said)!r}).write_text("asked")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
while True: time.sleep(0.1)
"""
    script, loading = tmp_path / "app.py", tmp_path / "loading"
    script.write_text(code)
    wrapped = ["sh", "-c", f"{OWN} {script}; true"]
    load = f"touch {loading}; for i in $(seq 300); do sleep 1; done"
    arguments = ["--load", load, "--warmup", "0", "--ready", "line:up", "--", *wrapped]
    with leakhunt("hunt", *arguments) as hunting:
        wait_until(loading.exists, 60)
        # The wrapper and the load are each watched over, the load from right after its start.
        wait_until(lambda: len(keepers(hunting.pid)) == 2, 60)
        started = [entry.pid for entry in descendants(read_table(), hunting.pid)]
        hunting.kill()
        hunting.communicate(timeout=60)
    assert len(started) >= 5, "the wrapper, the program, the load, and who watches over them"
    wait_until(lambda: not set(started) & read_table().keys(), 60)
    assert said.read_text() == "asked"


def test_a_target_that_dies_under_load() -> None:
    port = free_port()
    with isolated(OWN, port) as server:
        line = f"{load_line(port, 50)} && test -e /proc/{server.pid}/stop || kill -9 {server.pid}"
        report = hunt_live(LiveOptions(pid=server.pid, load=line, warmup=0))
    assert any(f"process {server.pid} ended" in error for error in report.errors)
    assert [one.label for one in report.snapshots] == ["baseline"]


MARKED = """
import time
kept = []
def work(n):
    kept.extend([i] for i in range(n))
print("up", flush=True)
while True:
    try:
        import leakhunt  # There once somebody is attached.
        break
    except ImportError:
        time.sleep(0.05)
time.sleep(1)  # Until he listens.
work(10)
leakhunt.mark("baseline")
work(100)
leakhunt.mark("window")
work(200)
leakhunt.mark("loaded")
leakhunt.mark("final")
"""


def test_a_program_marks_its_own_moments(python: Path, tmp_path: Path) -> None:
    script = tmp_path / "marked.py"
    script.write_text(MARKED)
    options = LiveOptions(
        command=(str(python), "-I", str(script)), ready=parse_ready("line:up"), by_marks=True,
        cycles=300, timeout_s=30.0,
    )  # fmt: skip
    report = hunt_live(options)
    (found,) = (one for one in report.findings if one.verdict == "LEAK")
    assert (found.holder.path, found.holder.size_final) == ("__main__.kept", 310)
    assert (report.errors, report.cycles) == ((), 300)


def test_no_python_there() -> None:
    with subprocess.Popen(["sleep", "30"]) as sleeper:
        with pytest.raises(TargetError, match="runs no CPython") as caught:
            hunt_live(LiveOptions(pid=sleeper.pid, load="true", warmup=0))
        sleeper.kill()
    assert caught.value.hint


def test_a_dry_run_says_what_would_be_done() -> None:
    port = free_port()
    with isolated(OWN, port) as server:
        before = (server.descriptors, server.threads)
        with leakhunt("hunt", str(server.pid), "--load", "true", "--dry-run", "--json") as done:
            plan = json.loads(done.communicate(timeout=60)[0])
        assert (server.descriptors, server.threads) == before
    assert (done.returncode, plan["is_ready"]) == (0, True)
    assert plan["processes"][0]["pid"] == server.pid
    assert plan["processes"][0]["way"]


def wait_until(condition: Any, limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


# --- the shop as a service -------------------------------------------------------------------

needs_shop = pytest.mark.skipif(
    not SHOP_PYTHON.exists(), reason="the shop's environment is not set up"
)


def hunt_shop(kind: str) -> Report:
    port = free_port()
    command = (str(SHOP_PYTHON), str(SERVERS / "serve_shop.py"), str(port), kind)
    load = f"{SHOP_PYTHON} {SERVERS / 'visit_shop.py'} {port} 60"
    ready = parse_ready(f"port:{port}")
    return hunt_live(LiveOptions(command=command, load=load, ready=ready))


@needs_shop
def test_the_leaky_shop() -> None:
    report = hunt_shop("leaky")
    assert (report.errors, report.cycles, report.verdict) == ((), 180, "LEAK")
    found = {one.holder.path: one for one in report.findings if one.verdict == "LEAK"}
    path = ROOT / "fixtures" / "scenarios" / "shop" / "expected.toml"
    expected = tomllib.loads(path.read_text("utf-8"))["leak"]
    for leak in expected:
        assert leak["holder"] in found, sorted(found)
        assert found[leak["holder"]].category in leak["accepted_categories"]
    expected_holders = {leak["holder"] for leak in expected}
    assert set(found) == expected_holders


@needs_shop
def test_the_clean_shop() -> None:
    report = hunt_shop("clean")
    assert (report.errors, report.verdict) == ((), "NOT")
