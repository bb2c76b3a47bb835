"""Figures of the memory bill: ``python -m tests.benchmarks.bill_figures``.

Captures the synthetic heap and measures, beyond reading the snapshot, how long its bill takes; and
a whole ``leakhunt bill FILE``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TARGET = """
import sys
sys.path.insert(0, {here!r})
import synthetic_heap as heap
from leakhunt.agent import snapshots
kept = heap.build({objects})
print(snapshots.capture({file!r}))
"""


def main() -> None:
    """Capture, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=float, nargs="*", default=[1e6, 5e6])
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    for objects in wanted.objects:
        with tempfile.TemporaryDirectory() as folder:
            figures(int(objects), wanted.rounds, Path(folder) / "heap.lkheap")


def figures(objects: int, rounds: int, file: Path) -> None:
    """All figures at one size."""
    from leakhunt.analysis.bills import bill_of_graph
    from leakhunt.graph.heap_graph import HeapGraph
    from leakhunt.hunt.heaps import open_columns

    script = TARGET.format(here=str(HERE), objects=objects, file=str(file))
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, cwd=ROOT)
    reading, billing, whole = [], [], []
    count = 0
    for _ in range(rounds):
        start = time.perf_counter()
        columns = open_columns(file)
        reading.append(time.perf_counter() - start)
        start = time.perf_counter()
        bill = bill_of_graph(HeapGraph(columns))
        billing.append(time.perf_counter() - start)
        assert bill is not None
        count = columns.heap_count
        start = time.perf_counter()
        command = [sys.executable, "-m", "leakhunt", "bill", str(file)]
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        whole.append(time.perf_counter() - start)
    print(
        f"{count:>10,} objects: read {statistics.median(reading) * 1e3:6.0f} ms,"
        f" bill {statistics.median(billing) * 1e3:6.1f} ms,"
        f" leakhunt bill FILE {statistics.median(whole) * 1e3:6.0f} ms"
    )


if __name__ == "__main__":
    main()
