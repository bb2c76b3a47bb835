"""How long questions about one large snapshot take: ``python -m tests.benchmarks.whatif_figures``.

Takes a snapshot of a synthetic heap in a child (two million objects, or as many as
LEAKHUNT_BENCH_OBJECTS says) and asks what a person would ask.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from leakhunt.analysis.merged_paths import merged_paths
from leakhunt.analysis.mincut import minimum_cut
from leakhunt.analysis.neighbours import Direction, Neighbours
from leakhunt.analysis.resolve import Resolver
from leakhunt.analysis.retainers import target_nodes
from leakhunt.analysis.whatif import CutStudy
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.reader import open_snapshot
from tests.million import heap_with_a_popular_node

_PROGRAM = """
import sys
sys.path[:0] = {paths!r}
import synthetic_heap
HEAP = synthetic_heap.build({count})
from leakhunt.agent import snapshots
snapshots.capture({file!r}, label="final")
"""


def timed(name: str, ask: Callable[[], object]) -> None:
    started = time.perf_counter()
    ask()
    print(f"{name:44} {(time.perf_counter() - started) * 1e3:10.1f} ms", flush=True)


def main() -> None:
    count = int(os.environ.get("LEAKHUNT_BENCH_OBJECTS", "2000000"))
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "big.lkheap"
        paths = [str(here), str(here.parents[1])]
        program = _PROGRAM.format(paths=paths, count=count, file=str(file))
        subprocess.run([sys.executable, "-c", program], check=True)
        graph = HeapGraph(open_snapshot(file))
    print(f"{graph.node_count:,} objects, {graph.columns.edge_count:,} references")
    timed("breadth-first tree", lambda: graph.tree)
    timed("reverse edges", lambda: graph.reverse)
    resolver = Resolver(graph)
    study = CutStudy(graph, resolver.namer)
    for path in ("__main__.HEAP[77]", "__main__.HEAP[*]"):
        timed(f"resolve {path}", lambda path=path: resolver.resolve(path))  # type: ignore[misc]
        cut = study.reference(resolver.resolve(path))
        timed(f"what if {path}", lambda cut=cut: study.study([cut]))  # type: ignore[misc]
    nodes = target_nodes(graph, resolver, "synthetic_heap.Record")
    timed(f"merged paths to {len(nodes):,} objects", lambda: merged_paths(graph, nodes))
    timed(f"minimum cut of {len(nodes):,} objects", lambda: minimum_cut(graph, nodes))
    popular, node = heap_with_a_popular_node(1_000_000)
    found = Neighbours(popular)
    timed("reverse edges of a million referrers", lambda: popular.reverse)
    timed("open a node with a million referrers", lambda: found.page(node, Direction.REFERRERS))
    timed("its referrers by type", lambda: found.types(node, Direction.REFERRERS))


if __name__ == "__main__":
    main()
