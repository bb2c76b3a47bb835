"""Many hunts of one process: it does not grow by them, nothing of ours is left."""

from __future__ import annotations

import os
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
    assert resident[-1] - resident[1] < max(1 << 20, 200 * number)


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
