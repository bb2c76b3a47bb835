"""Inside the target: build the synthetic heap, time collections and captures alternately.

Usage: python capture_target.py NATIVE OBJECTS ROUNDS FOLDER; prints one JSON object.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType

import synthetic_heap


def load(path: str) -> ModuleType:
    """The native agent, without leaving it in sys.modules."""
    spec = importlib.util.spec_from_file_location("_heap", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def footer_of(path: Path) -> dict[str, int]:
    """The footer of a stream."""
    data = path.read_bytes()
    end = len(data) - 16
    start = data.rindex(b'{"nodes"', 0, end)
    return dict(json.loads(data[start:end]))


def main() -> None:
    """Measure and print."""
    native, objects, rounds, folder = sys.argv[1:5]
    heap = load(native)
    kept = synthetic_heap.build(int(float(objects)))
    path = Path(folder, "bench.lkheap")
    collect_ns, pause_ns = [], []
    for _ in range(int(rounds)):
        start = time.perf_counter_ns()
        gc.collect()
        collect_ns.append(time.perf_counter_ns() - start)
        pause_ns.append(heap.capture(str(path), b"{}"))
    footer = footer_of(path)
    print(
        json.dumps(
            {
                "version": sys.version.split()[0],
                "kept": len(kept),
                "collect_ns": collect_ns,
                "pause_ns": pause_ns,
                "file_bytes": path.stat().st_size,
                "nodes": footer["nodes"],
                "edges": footer["edges"],
                "peak_extra_bytes": footer["peak_extra_bytes"],
            }
        )
    )
    path.unlink()


if __name__ == "__main__":
    main()
