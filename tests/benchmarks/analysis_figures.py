"""Figures of the analysis: ``python -m tests.benchmarks.analysis_figures``.

Captures a heap with a planted leak thrice (baseline, loaded, final), synthetic and real, at 5
and 10 million objects, and measures on it: stream to retained sizes, dominators alone, all that
``leakhunt diff`` does with three snapshots once they are read, reopening, and what a view asks
of an analysed snapshot.  Each is a median of ``--rounds``; docs/analysis.md says what is fresh
and what is warm in which.  The peers (igraph's dominators, memlab's whole) get the same graph in
the same run where they are installed: `.venv-heap` by `make heap-env`, memlab by `make oracles`.
``--snapshots FOLDER`` keeps the captured heaps, and uses those that are there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
HEAP_PYTHON = ROOT / ".venv-heap" / "bin" / "python"
CYCLES = 200
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def run(
    command: list[str], environment: dict[str, str] | None = None, *, quiet: bool = False
) -> str:
    """Standard output of a command; its environment is ours and the one given."""
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}, check=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if quiet else None,
        text=True, timeout=3600, cwd=ROOT,
    )  # fmt: skip
    return done.stdout


def capture(kind: str, objects: float, folder: Path) -> None:
    """The three snapshots of a heap of this kind."""
    python = str(HEAP_PYTHON) if kind == "real" else sys.executable
    target = str(HERE / "analysis_target.py")
    run([python, target, kind, str(objects), str(CYCLES), str(folder)])


def first_touch(byte_count: float) -> float:
    """Seconds that a process which ends at once needs to touch this much memory.

    Afterwards the kernel has it at hand.  A hypervisor takes back what a guest leaves free, and
    gives it again page by page: that costs more than all that is measured here, and says nothing
    about it.  Huge pages, because those are what an analysis asks for.
    """
    if not byte_count:
        return 0
    code = (
        "import mmap, sys, time\n"
        "memory = mmap.mmap(-1, int(sys.argv[1]), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
        "memory.madvise(mmap.MADV_HUGEPAGE)\n"
        "start = time.perf_counter()\n"
        "for at in range(0, len(memory), 4096): memory[at] = 1\n"
        "print(time.perf_counter() - start)\n"
    )
    return float(run([sys.executable, "-c", code, str(int(byte_count))]))


def median_of(rounds: int, measure: Callable[[], float]) -> float:
    """Median seconds."""
    return statistics.median(measure() for _ in range(rounds))


def peak_bytes() -> int:
    """Most resident memory of this process so far (getrusage would count its parent's too)."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def whole(path: Path, ready_bytes: float) -> dict[str, float]:
    """In this process: a stream to retained sizes, and the most memory that took."""
    from leakhunt.graph.heap_graph import HeapGraph
    from leakhunt.store.reader import open_snapshot

    first_touch(ready_bytes)
    before = peak_bytes()
    start = time.perf_counter()
    graph = HeapGraph(open_snapshot(path))
    total = int(graph.retained_bytes[graph.dominators == graph.node_count].sum())
    seconds = time.perf_counter() - start
    assert total > 0
    return {
        "whole": seconds,
        "memory": (peak_bytes() - before) / graph.node_count,
        "nodes": graph.node_count,
        "edges": graph.columns.edge_count,
    }


def dominators(path: Path, rounds: int) -> float:
    """Seconds of the kernel on the arrays of a snapshot."""
    from leakhunt.graph.heap_graph import HeapGraph
    from leakhunt.store.reader import open_snapshot

    columns = open_snapshot(path)
    graph = HeapGraph(columns)
    graph.gc_roots  # noqa: B018  found before the clock starts

    def once() -> float:
        vars(graph).pop("_dominance", None)
        start = time.perf_counter()
        graph.dominators  # noqa: B018  computed anew
        return time.perf_counter() - start

    return median_of(rounds, once)


def diff(folder: Path, rounds: int, ready_bytes: float) -> dict[str, float]:
    """Seconds from the columns of three snapshots to the report of ``leakhunt diff``, in this
    process for the first time and then."""
    from leakhunt.hunt.assemble import assemble
    from leakhunt.hunt.rules import load_rules
    from leakhunt.store.reader import open_snapshot

    files = {name: folder / f"{name}.lkheap" for name in ("baseline", "loaded", "final")}
    columns = {name: open_snapshot(path) for name, path in files.items()}
    rules = load_rules()

    def once() -> float:
        start = time.perf_counter()
        report = assemble(
            columns=columns, files=files, cycles=CYCLES, window_cycles=None, target={},
            saved=True, rules=rules,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        assert any("BUS.listeners" in finding.holder.path for finding in report.findings)
        return seconds

    first_touch(ready_bytes)
    return {"diff": once(), "diff_warm": median_of(rounds, once)}


def reopening(path: Path, rounds: int) -> float:
    """Seconds to open a snapshot that has its cache."""
    from leakhunt.hunt.heaps import open_heap

    open_heap(path)

    def once() -> float:
        start = time.perf_counter()
        opened = open_heap(path)
        seconds = time.perf_counter() - start
        assert opened.is_cached
        return seconds

    return median_of(rounds, once)


def view(path: Path, rounds: int) -> float:
    """Seconds of the slowest question of a view: the first page of the instances of the
    commonest type, of the referrers of the most popular object, of what the roots dominate."""
    import numpy as np

    from leakhunt.analysis.listing import list_dominated, list_instances
    from leakhunt.analysis.neighbours import Direction, Neighbours
    from leakhunt.hunt.heaps import open_heap

    graph = open_heap(path).graph
    commonest = graph.name_of_type(int(np.bincount(graph.columns.node_type).argmax()))
    popular = int(np.diff(graph.reverse[0].astype(np.int64)).argmax())
    questions: list[Callable[[], object]] = [
        lambda: list_instances(graph, commonest).page(),
        lambda: Neighbours(graph).page(popular, Direction.REFERRERS, by_size=True),
        lambda: list_dominated(graph, None).page(),
    ]

    def seconds(ask: Callable[[], object]) -> float:
        start = time.perf_counter()
        ask()
        return time.perf_counter() - start

    return max(median_of(rounds, lambda ask=ask: seconds(ask)) for ask in questions)  # type: ignore[misc]


def igraph_seconds(path: Path, folder: Path) -> float | None:
    """igraph's dominators of the same graph below one root; None where it is not installed."""
    if not HEAP_PYTHON.exists():
        return None
    import numpy as np

    from leakhunt.graph.heap_graph import HeapGraph
    from leakhunt.graph.tables import SKIP_WEAK
    from leakhunt.store.reader import open_snapshot

    graph = HeapGraph(open_snapshot(path))
    strong = SKIP_WEAK[graph.columns.edge_kind] == 0
    roots = graph.gc_roots.astype(np.int32)
    above = np.full(len(roots), graph.node_count, np.int32)
    pairs = np.stack(
        [
            np.concatenate([graph.sources[strong].astype(np.int32), above]),
            np.concatenate([graph.columns.edge_target[strong].astype(np.int32), roots]),
        ],
        axis=1,
    )
    file = folder / "edges.npy"
    np.save(file, pairs)
    code = (
        "import igraph, numpy, sys, time\n"
        "n = int(sys.argv[2])\n"
        "g = igraph.Graph(n=n + 1, edges=numpy.load(sys.argv[1]), directed=True)\n"
        "start = time.perf_counter(); g.dominator(n, mode='out')\n"
        "print(time.perf_counter() - start)\n"
    )
    found = run([str(HEAP_PYTHON), "-c", code, str(file), str(graph.node_count)])
    file.unlink()
    return float(found)


def memlab_seconds(path: Path, folder: Path) -> float | None:
    """memlab's whole (file to retained sizes); None where it is not installed."""
    if not (ROOT / "tests/oracles/build/.ready").exists() or shutil.which("node") is None:
        return None
    from leakhunt.hunt.export import export_heapsnapshots

    (written,) = export_heapsnapshots([path], folder / "peer.heapsnapshot")
    code = (
        "import h from '@memlab/heap-analysis';\n"
        "const log = console.log; console.log = console.error;\n"
        "const start = performance.now();\n"
        "await h.getFullHeapFromFile(process.argv[2]);\n"
        "log((performance.now() - start) / 1e3); process.exit(0);\n"
    )
    script = ROOT / "tests/oracles/build/time_memlab.mjs"
    script.write_text(code)
    command = ["node", "--max-old-space-size=12000", str(script), str(written.path)]
    found = run(command, quiet=True)
    written.path.unlink()
    return float(found.split()[-1])


def heap_in(folder: Path, kind: str, objects: float) -> Path:
    """A folder with the three snapshots of such a heap: captured unless they are there."""
    heap = folder / f"{kind}-{objects:.0f}"
    if not (heap / "final.lkheap").exists():
        heap.mkdir(parents=True, exist_ok=True)
        capture(kind, objects, heap)
    return heap


def figures(heap: Path, kind: str, rounds: int, *, peers: bool) -> dict[str, Any]:
    """All figures of one heap."""
    final = heap / "final.lkheap"
    me = [sys.executable, "-m", "tests.benchmarks.analysis_figures"]
    found: dict[str, Any] = {"heap": kind}

    def fresh(what: str, ready_bytes: float) -> dict[str, float]:
        asked = ["--part", what, str(heap), "--rounds", str(rounds), "--ready", str(ready_bytes)]
        return dict(json.loads(run([*me, *asked], ONE_THREAD)))

    def medians(what: str, ready_bytes: float) -> dict[str, float]:
        measured = [fresh(what, ready_bytes) for _ in range(rounds)]
        return {key: statistics.median(one[key] for one in measured) for key in measured[0]}

    found["whole_unready"] = medians("whole", 0)["whole"]
    found["cold_touch"] = first_touch(1e9) / 10
    found |= fresh("whole", 0)
    ready = found["nodes"] * READY_BYTES_AN_OBJECT
    first_touch(ready)
    found["warm_touch"] = first_touch(1e9) / 10
    found |= medians("whole", ready) | medians("diff", ready)
    for what in ("dominators", "reopen", "view"):
        found |= fresh(what, ready)
    if peers:
        found["igraph"] = igraph_seconds(final, heap)
        found["memlab"] = memlab_seconds(final, heap)
    return found


def part(what: str, heap: Path, rounds: int, ready_bytes: float) -> dict[str, float]:
    """Some figures, in this process."""
    final = heap / "final.lkheap"
    measures: dict[str, Callable[[], dict[str, float]]] = {
        "whole": lambda: whole(final, ready_bytes),
        "dominators": lambda: {"dominators": dominators(final, rounds)},
        "diff": lambda: diff(heap, rounds, ready_bytes),
        "reopen": lambda: {"reopen": reopening(final, rounds)},
        "view": lambda: {"view": view(final, rounds)},
    }
    return measures[what]()


def ratio(peer: float | None, ours: float) -> str:
    """How many times as fast as a peer, and its seconds."""
    return "not asked" if peer is None else f"{peer / ours:.0f} x ({peer:.1f} s)"


READY_BYTES_AN_OBJECT = 200
"""More than an analysis needs."""
PROMISED_PER_MILLION = {"whole": 0.3, "dominators": 0.1, "diff": 0.2}
"""Seconds: what is promised grows with the objects, like what it takes."""
PROMISED = {"memory": 140, "reopen": 0.05, "view": 0.1}
SHOWN = (
    ("whole", "stream to retained sizes, s", 1, 2),
    ("whole_unready", "  memory as it was found, s", 1, 2),
    ("memory", "  its memory, bytes an object", 1, 0),
    ("dominators", "dominators alone, s", 1, 2),
    ("diff", "three-snapshot diff with holders, s", 1, 2),
    ("diff_warm", "  again in the same process, s", 1, 2),
    ("reopen", "reopening, ms", 1e3, 1),
    ("view", "slowest page of a view, ms", 1e3, 0),
    ("cold_touch", "first touch of 100 MB, as found, ms", 1e3, 0),
    ("warm_touch", "  memory at hand, ms", 1e3, 0),
)
"""Key, title, factor and decimals."""


def promise_of(key: str, row: dict[str, Any]) -> float | None:
    """What is promised for a heap of this size; None where nothing is."""
    if key in PROMISED_PER_MILLION:
        return float(PROMISED_PER_MILLION[key] * row["nodes"] / 1e6)
    return PROMISED.get(key)


def show(rows: list[dict[str, Any]]) -> None:
    """One table a kind of heap, a column for each size."""
    for kind in dict.fromkeys(row["heap"] for row in rows):
        of_kind = [row for row in rows if row["heap"] == kind]
        sizes = "".join(f"{row['nodes'] / 1e6:>17.1f} M" for row in of_kind)
        edges = "".join(f"{row['edges'] / 1e6:>17.1f} M" for row in of_kind)
        print(f"\n{kind + ' heap: objects':38}{sizes}\n{'references':38}{edges}")
        for key, title, factor, digits in SHOWN:
            cells = ""
            for row in of_kind:
                promise, told = promise_of(key, row), f"{row[key] * factor:.{digits}f}"
                kept = "" if promise is None or row[key] <= promise else "!"
                limit = "" if promise is None else f"({promise * factor:.3g})"
                cells += f"{told:>11}{kept:1}{limit:>7}"
            print(f"{title:38}{cells}")
        for peer, ours, title in (
            ("igraph", "dominators", "igraph's dominators take"),
            ("memlab", "whole", "memlab's whole takes"),
        ):
            print(
                f"{title:38}" + "".join(f"{ratio(row.get(peer), row[ours]):>19}" for row in of_kind)
            )
    print("\nin brackets what is promised for as many objects; ! where it is not kept")


def main() -> int:
    """Print the table, and how each figure grows as a heap doubles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=float, nargs="+", default=[5e6, 1e7])
    parser.add_argument("--kinds", nargs="+", default=["synthetic", "real"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--snapshots", type=Path, help="keep the captured heaps in this folder")
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--ready", type=float, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        what, heap_name = options.part
        print(json.dumps(part(what, Path(heap_name), options.rounds, options.ready)))
        return 0
    rows = []
    with tempfile.TemporaryDirectory(prefix="leakhunt-bench-") as name:
        for kind in options.kinds:
            if kind == "real" and not HEAP_PYTHON.exists():
                print("no .venv-heap (make heap-env): the real heap is left out", file=sys.stderr)
                continue
            for i, objects in enumerate(options.objects):
                heap = heap_in(options.snapshots or Path(name), kind, objects)
                # The peers take minutes and gigabytes at ten million.
                peers = not options.no_peers and not i
                rows.append(figures(heap, kind, options.rounds, peers=peers))
                if not options.snapshots:
                    shutil.rmtree(heap)
    show(rows)
    for one, two in pairwise(rows):
        if two["heap"] == one["heap"]:
            scale = two["nodes"] / one["nodes"]
            words = ", ".join(
                f"{name} {two[name] / one[name] * 2 / scale:.2f} x"
                for name in ("whole", "dominators", "diff")
            )
            print(f"as the {one['heap']} heap doubles (2.2 x promised): {words}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
