"""What exporting costs: time, memory and bytes by number of objects, and what the viewers take.

    python -m tests.benchmarks.export_figures [OBJECTS ...]

The snapshots are of the synthetic heap; DevTools and memlab are asked when `make oracles` has
installed them.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ORACLES = ROOT / "tests" / "oracles"
_CAPTURE = """
import sys
sys.path[:0] = {paths!r}
from synthetic_heap import build
from leakhunt.agent import snapshots
kept = build({count})
snapshots.capture({file!r}, label="synthetic")
"""


def capture(folder: Path, count: int) -> Path:
    """A snapshot of a process with the synthetic heap."""
    file = folder / f"{count}.lkheap"
    paths = [str(ROOT), str(ROOT / "tests" / "benchmarks")]
    code = _CAPTURE.format(paths=paths, count=count, file=str(file))
    subprocess.run([sys.executable, "-c", code], check=True)
    return file


def measure(file: str) -> None:
    """In a process of its own: export and check one snapshot, print seconds and sizes."""
    from leakhunt.graph.heap_graph import HeapGraph
    from leakhunt.interop.heapsnapshot.check import check_heapsnapshot
    from leakhunt.interop.heapsnapshot.ids import ObjectIds
    from leakhunt.interop.heapsnapshot.rows import Rows
    from leakhunt.interop.heapsnapshot.writer import write_heapsnapshot
    from leakhunt.store.reader import open_snapshot

    graph = HeapGraph(open_snapshot(file))
    assert graph.held_roots is not None
    assert graph.distance is not None
    before = peak_bytes()
    start = time.perf_counter()
    out = Path(file).with_suffix(".heapsnapshot")
    written = write_heapsnapshot(out, Rows(graph, ObjectIds()))
    exported = time.perf_counter()
    extra = peak_bytes() - before
    check_heapsnapshot(out)
    checked = time.perf_counter()
    print(
        json.dumps(
            {
                "nodes": written.node_count,
                "edges": written.edge_count,
                "export_s": exported - start,
                "check_s": checked - exported,
                "file_bytes": written.file_bytes,
                "extra_bytes": extra,
            }
        )
    )


def peak_bytes() -> int:
    """Largest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def viewer_seconds(script: str, file: Path) -> float | None:
    """Until a viewer has read the file and computed its retained sizes."""
    if not (ORACLES / "build" / ".ready").exists():
        return None
    start = time.perf_counter()
    command = ["node", "--max-old-space-size=12000", str(ORACLES / script), str(file)]
    done = subprocess.run(command, capture_output=True, check=False)
    return time.perf_counter() - start if done.returncode == 0 else None


def main(counts: list[int]) -> None:
    """Print one line for each number of objects."""
    print("   nodes      edges  export   check     file   extra  DevTools   memlab")
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            file = capture(Path(name), count)
            command = [sys.executable, "-m", "tests.benchmarks.export_figures", "--one", str(file)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
            found = json.loads(done.stdout)
            out = file.with_suffix(".heapsnapshot")
            viewers = [viewer_seconds(script, out) for script in ("devtools.mjs", "memlab.mjs")]
        shown = ["      -" if s is None else f"{s:6.1f}s" for s in viewers]
        print(
            f"{found['nodes']:>9,} {found['edges']:>10,} {found['export_s']:6.2f}s"
            f" {found['check_s']:6.2f}s {found['file_bytes'] / 1e6:6.0f}MB"
            f" {found['extra_bytes'] / 1e6:5.0f}MB   {shown[0]}  {shown[1]}",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2])
    else:
        main([int(count) for count in sys.argv[1:]] or [100_000, 1_000_000])
