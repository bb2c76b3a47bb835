"""What the pytest plugin costs: a test that leaks nothing, on a heap of two million objects, and
the suites of published packages, which do leave something behind.

The figures to reach: under 1 ms a test, and under 5 % of a suite's time.  With names of packages
as arguments, these suites alone are measured; ``--rounds N`` for more than three.  A short suite
is run more often, for the processor's speed changes from one run to the next.
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


def cpu_s(folder: Path, *command: str) -> float:
    """Processor seconds of one run, user and system, its start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, env=_ENVIRON
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert " passed" in done.stdout, done.stdout + done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(folder: Path, *options: str) -> float:
    """Processor seconds of one run of our suite."""
    return cpu_s(folder, sys.executable, "-m", "pytest", "-q", *_ALONE, *options)


def real_suite(package: str, rounds: int) -> tuple[list[float], list[float]]:
    """Processor seconds of a published suite without and with --leakhunt, in turn: some rounds,
    more of a short suite."""
    source = next((_SUITES / "src").glob(f"{package}-*"))
    plain: list[float] = []
    watched: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = shutil.copytree(source, Path(name) / package)
        command = (
            str(_SUITES / "bin" / "python"), "-m", "pytest", "-q", *_ALONE,
            "-p", "leakhunt.pytest_plugin", "-W", "ignore",
            "-o", "asyncio_default_fixture_loop_scope=function", CASES[package].tests,
        )  # fmt: skip
        cpu_s(folder, *command, "--leakhunt")  # compiles
        while len(plain) < rounds or sum(plain) + sum(watched) < _MEASURED_S:
            plain.append(cpu_s(folder, *command))
            watched.append(cpu_s(folder, *command, "--leakhunt"))
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


def print_suite(name: str, plain: list[float], watched: list[float]) -> None:
    """Processor seconds, without and with the watch: medians of the rounds; the share is the
    median of the pairs', with its quartiles."""
    off, on = statistics.median(plain), statistics.median(watched)
    shares = [on / off - 1 for off, on in zip(plain, watched, strict=True)]
    low, middle, high = statistics.quantiles(shares, n=4)
    print(
        f"{name:<16}{off:6.3f} s{on:8.3f} s{middle:+8.1%} ({low:+.1%} to {high:+.1%})"
        f"{min(watched) / min(plain) - 1:+8.1%}{len(plain):4} rounds",
        flush=True,
    )


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
    print("processor time  without  --leakhunt    more (to reach: under 5 %), and by the least")
    for package in options.package or CASES:
        print_suite(package, *real_suite(package, options.rounds))


if __name__ == "__main__":
    main()
