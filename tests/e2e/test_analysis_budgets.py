"""What the analysis of a large heap may cost: memory an object, and time to open it again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leakhunt.hunt.heaps import open_heap

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "tests" / "benchmarks"
OBJECTS = 600_000
MOST_BYTES_AN_OBJECT = 140
REOPENING_S = 0.05

pytestmark = pytest.mark.skipif(
    "LEAKHUNT_SANITIZED" in os.environ, reason="the sanitizers need memory of their own"
)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    target = str(BENCHMARKS / "analysis_target.py")
    subprocess.run(
        [sys.executable, target, "synthetic", str(OBJECTS), "10", str(folder)],
        check=True, timeout=300, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return folder / "final.lkheap"


def test_a_stream_to_retained_sizes_takes_140_bytes_an_object(snapshot: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.analysis_figures"]
    command += ["--part", "whole", str(snapshot.parent)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=300, cwd=ROOT
    )
    measured = json.loads(done.stdout)
    assert measured["nodes"] > OBJECTS
    assert measured["memory"] <= MOST_BYTES_AN_OBJECT


def test_an_analysed_snapshot_is_opened_in_50_ms(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not open_heap(snapshot).is_cached
    taken = []
    for _ in range(5):
        start = time.process_time()  # other processes do not count
        assert open_heap(snapshot).is_cached
        taken.append(time.process_time() - start)
    assert min(taken) <= REOPENING_S
