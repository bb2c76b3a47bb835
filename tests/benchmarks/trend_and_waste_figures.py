"""Figures of trend and waste: ``python -m tests.benchmarks.trend_and_waste_figures``.

Captures the synthetic heap with and without hashes of values (the pause and the file that they
cost), then measures ``leakhunt trend`` over three snapshots and ``leakhunt waste`` on one.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TARGET = """
import sys
sys.path.insert(0, {here!r})
import synthetic_heap as heap
from leakhunt.agent import snapshots
kept = heap.build({objects})
for number in range({rounds}):
    for name, content in (("plain", False), ("content", True)):
        pause = snapshots.capture({folder!r} + f"/{{name}}{{number}}.lkheap", content=content)
        print(name, pause)
    kept.append([object() for _ in range(1000)])
"""


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Capture, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=float, nargs="*", default=[5e6, 10e6])
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    for objects in wanted.objects:
        with tempfile.TemporaryDirectory() as folder:
            figures(int(objects), wanted.rounds, Path(folder))


def figures(objects: int, rounds: int, folder: Path) -> None:
    """All figures at one size."""
    from leakhunt.hunt import find_waste_in, trend_files

    script = TARGET.format(
        here=str(HERE), objects=objects, rounds=max(3, rounds), folder=str(folder)
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT
    )
    pauses: dict[str, list[int]] = {"plain": [], "content": []}
    for line in done.stdout.splitlines():
        name, pause = line.split()
        pauses[name].append(int(pause))
    print(f"{objects:,} objects asked for")
    for name, values in pauses.items():
        size = (folder / f"{name}0.lkheap").stat().st_size
        pause_ms = statistics.median(values) / 1e6
        print(f"  capture {name:8} {pause_ms:9.0f} ms {size / 1e6:9.1f} MB")
    files = [folder / f"plain{number}.lkheap" for number in range(3)]
    print(f"  trend of three    {timed(lambda: trend_files(files)):9.2f} s")
    waste = timed(lambda: find_waste_in(folder / "content0.lkheap"))
    print(f"  waste of one      {waste:9.2f} s")


if __name__ == "__main__":
    main()
