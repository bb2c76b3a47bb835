"""Many hunts of one process: it does not grow by them, nothing of ours is left."""

from __future__ import annotations

import itertools
import os
import statistics
import sys
from pathlib import Path

import pytest

from leakhunt.detectors.base import Verdict
from leakhunt.hunt import LiveOptions, diff_files, hunt_live
from tests.e2e.servers import SERVERS, Server, ask, free_port, load_line

pytestmark = pytest.mark.e2e


def test_a_process_does_not_grow_by_being_hunted(python: Path, tmp_path: Path) -> None:
    soak(python, 6, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_thousand_hunts_of_one_process(tmp_path: Path) -> None:
    soak(Path(sys.executable), int(os.environ.get("LEAKHUNT_SOAK_HUNTS", "1000")), tmp_path)


def soak(python: Path, number: int, tmp_path: Path) -> None:
    """Hunts without a load: none finds anything, and all of them together add nothing."""
    port = free_port()
    with Server([python, "-I", SERVERS / "plain_http.py", str(port)], port) as server:
        before = (server.descriptors, server.threads)
        mapped, resident = [], []
        for i in range(number):
            saved = tmp_path / ("first" if i == 1 else "later")
            options = LiveOptions(
                pid=server.pid, load="true", warmup=0, rounds=2, settle_max_s=0.0, save_dir=saved
            )
            report = hunt_live(options)
            assert report.errors == ()
            assert [f.holder.path for f in report.findings if f.verdict != Verdict.NOT] == []
            mapped.append(count_mappings(server.pid))
            resident.append(resident_bytes(server.pid))
        assert (server.descriptors, server.threads) == before
        assert ask(port) == 200
    # Between the second hunt and the last one nothing was added to its heap.
    files = [tmp_path / name / "final.lkheap" for name in ("first", "later")]
    whole = diff_files(files)
    # (The server polls twice a second: a list or two of its own come and go.)
    assert sum(row.count_delta for row in whole.growth) <= 3
    assert [f.holder.path for f in whole.findings if f.verdict != Verdict.NOT] == []
    assert mapped[-1] <= mapped[1] + 8, "an arena of malloc's or two, however many hunts"
    assert resident[-1] - resident[1] < 1 << 20, "what an arena holds"
    assert steady_growth_bytes(resident[1:]) < 100, "in each hunt, whatever comes once"


STRETCHES = 5


def steady_growth_bytes(resident: list[int]) -> float:
    """By what a hunt adds in every fifth of them; 0 for a handful, which has no fifths.

    Two figures at the ends would call a leak what comes once, an arena that malloc makes or a page
    that is touched for the first time; a leak of a little in each hunt is in each fifth.
    """
    size = len(resident) // STRETCHES
    if size < STRETCHES:
        return 0.0
    middles = [statistics.median(resident[i * size : (i + 1) * size]) for i in range(STRETCHES)]
    return min(late - early for early, late in itertools.pairwise(middles)) / size


def test_steady_growth_is_told_from_what_comes_once() -> None:
    page, many = 4096, 1000
    once = [0] * 300 + [2 << 20] * 700
    assert steady_growth_bytes(once) == 0
    # A page that a leak of 128 bytes a hunt needs every 32 hunts.
    assert steady_growth_bytes([i // 32 * page for i in range(many)]) == pytest.approx(128, rel=0.1)


def count_mappings(pid: int) -> int:
    return len(Path(f"/proc/{pid}/maps").read_text().splitlines())


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_hunts_with_a_load_in_between(python: Path) -> None:
    """What one hunt found is old for the next."""
    port = free_port()
    with Server([python, "-I", SERVERS / "plain_http.py", str(port)], port) as server:
        for _ in range(2):
            options = LiveOptions(pid=server.pid, load=load_line(port, 50), warmup=0)
            report = hunt_live(options)
            (found,) = (one for one in report.findings if one.verdict == "LEAK")
            size = found.holder
            assert (size.size_final or 0) - (size.size_baseline or 0) == 150
