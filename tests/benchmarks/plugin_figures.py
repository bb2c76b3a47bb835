"""What the pytest plugin costs: a test that leaks nothing, on a heap of two million objects, and
the suites of published packages, which do leave something behind.

The figures to reach: under 1 ms a test, and under 5 % of a suite's time where nothing leaks: so
each suite is measured as it is, and again without the tests that leave something behind, for which
a run ends with a search for the holders.  With names of packages as arguments, these suites alone
are measured; ``--rounds N`` for more than three.  A short suite is run more often, for the
processor's speed changes from one run to the next.

The time of a suite ends where pytest does: how long the kernel takes to unmap a process differs by
more than what is measured.  The share of the whole processor time is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.pytest_plugin.test_real_suites import CASES

_OBJECTS = 2_000_000
_TESTS = 400
_MEASURED_S = 30
"""Processor time that a suite is run for at least, half of it watched."""
_ROOT = Path(__file__).resolve().parents[2]
_SUITES = _ROOT / ".venv-suites"
_ALONE = ("-p", "no:cacheprovider", "-p", "no:randomly")
_ENVIRON = {**os.environ, "PYTHONPATH": str(_ROOT)}
_ENVIRON.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled once, as where it is installed

_CLOCK = """
import sys, time

def pytest_unconfigure():
    sys.stderr.write(f"\\nsession_s {time.process_time()}\\n")
"""
"""A plugin of the suites that are measured."""
_CONFTEST = f"""
HEAP = [{{"a": i, "b": [i, float(i)], "c": (f"x{{i}}",)}} for i in range({_OBJECTS} // 6)]
"""
_SUITE = f"""
import pytest

class Session:
    def __init__(self):
        self.data = bytearray(100)

@pytest.fixture
def session():
    return Session()

@pytest.mark.parametrize("number", range({_TESTS}))
def test_clean(session, number):
    session.itself = session
    total = 0
    for other in range({{work}}):
        total += len([Session(), other])
"""


class Cost(NamedTuple):
    """Processor seconds of one run, user and system, the interpreter's start included."""

    session_s: float
    """Until pytest ended."""
    whole_s: float


def cost(folder: Path, python: str, *options: str) -> Cost:
    """Of one run of pytest."""
    (folder / "session_clock.py").write_text(_CLOCK)
    command = (python, "-m", "pytest", "-q", *_ALONE, "-p", "session_clock", *options)
    environ = {**_ENVIRON, "PYTHONPATH": f"{_ROOT}{os.pathsep}{folder}"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, env=environ
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert " passed" in done.stdout, done.stdout + done.stderr
    session_s = float(done.stderr.rpartition("session_s ")[2].split()[0])
    return Cost(session_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def run(folder: Path, *options: str) -> Cost:
    """Of one run of our suite."""
    return cost(folder, sys.executable, *options)


def print_real(package: str, rounds: int) -> None:
    """A published suite, and its tests that leave nothing behind."""
    source = next((_SUITES / "src").glob(f"{package}-*"))
    with tempfile.TemporaryDirectory() as name:
        folder = shutil.copytree(source, Path(name) / package)
        command = (
            str(_SUITES / "bin" / "python"), "-p", "leakhunt.pytest_plugin", "-W", "ignore",
            "-o", "asyncio_default_fixture_loop_scope=function", CASES[package].tests,
        )  # fmt: skip
        leaving: list[str] = []
        # What one test made once, the next makes when that one does not run.
        while more := leaving_tests(folder, (*command, *leaving)):
            leaving += [f"--deselect={test}" for test in more]
        print_suite(package, *in_turn(folder, command, rounds))
        if leaving:
            kept = in_turn(folder, (*command, *leaving), rounds)
            print_suite(f"  but {len(leaving)}", *kept)


def leaving_tests(folder: Path, command: tuple[str, ...]) -> list[str]:
    """Those that leave something.  The first such run compiles what the watch needs."""
    cost(folder, *command, "--leakhunt", "--leakhunt-report", "report.json")
    report = json.loads((folder / "report.json").read_text("utf-8"))
    return [one["test"] for one in report["tests"]]


def in_turn(folder: Path, command: tuple[str, ...], rounds: int) -> tuple[list[Cost], list[Cost]]:
    """Without and with --leakhunt: some rounds, more of a short suite."""
    plain: list[Cost] = []
    watched: list[Cost] = []
    while len(plain) < rounds or sum(one.whole_s for one in plain + watched) < _MEASURED_S:
        plain.append(cost(folder, *command))
        watched.append(cost(folder, *command, "--leakhunt"))
    return plain, watched


def watch_us(folder: Path) -> float:
    """Microseconds a test, as the plugin measured them itself."""
    run(folder, "--leakhunt", "--leakhunt-report", "report.json")
    report = json.loads((folder / "report.json").read_text("utf-8"))
    each: float = report["watch_ns"] / 1000 / report["watched"]
    return each


def growth_s() -> float:
    """Seconds of what peers do around each test: objgraph.growth before and after."""
    code = (
        _CONFTEST + "import objgraph, time\n"
        "objgraph.growth(limit=0)\nstarted = time.perf_counter()\n"
        "objgraph.growth(limit=0); objgraph.growth(limit=0)\n"
        "print(time.perf_counter() - started)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def print_suite(name: str, plain: list[Cost], watched: list[Cost]) -> None:
    """Medians of the rounds, without and with the watch; the share is the median of the pairs',
    with its quartiles, and by the least of the rounds; then that of the whole process."""
    off, on = [one.session_s for one in plain], [one.session_s for one in watched]
    low, middle, high = statistics.quantiles(_shares(off, on), n=4)
    whole = _shares([one.whole_s for one in plain], [one.whole_s for one in watched])
    print(
        f"{name:<12}{statistics.median(off):7.3f} s{statistics.median(on):8.3f} s"
        f"{middle:+8.1%} ({low:+.1%} to {high:+.1%}), least {min(on) / min(off) - 1:+.1%}; "
        f"whole {statistics.median(whole):+.1%}; {len(plain)} rounds",
        flush=True,
    )


def _shares(off: list[float], on: list[float]) -> list[float]:
    return [watched / plain - 1 for plain, watched in zip(off, on, strict=True)]


def print_own(rounds: int) -> None:
    """Our suite, on a small and on a large heap, and what peers do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_it.py").write_text(_SUITE.format(work=300))
        small = statistics.median(watch_us(folder) for _ in range(rounds))
        plain, watched = [], []
        for _ in range(rounds):
            plain.append(run(folder))
            watched.append(run(folder, "--leakhunt"))
        (folder / "conftest.py").write_text(_CONFTEST)
        large = statistics.median(watch_us(folder) for _ in range(rounds))
    print(f"small heap:   {small:8.0f} us a test")
    print(f"{_OBJECTS:,} objects: {large:8.0f} us a test (to reach: under 1,000)")
    print(f"objgraph.growth before and after one test: {growth_s():.2f} s")
    print_suite("this suite", plain, watched)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", nargs="*", help="a suite; default: all, and our own")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"python {sys.version.split()[0]}, {_TESTS} tests, pid {os.getpid()}")
    if not options.package:
        print_own(options.rounds)
    if not (_SUITES / ".ready").exists():
        print("no real suites here: make suites")
        return
    print("processor   without  --leakhunt  more (to reach: under 5 %)")
    for package in options.package or CASES:
        print_real(package, options.rounds)


if __name__ == "__main__":
    main()
