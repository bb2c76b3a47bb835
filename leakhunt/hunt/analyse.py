"""Analyse one snapshot: derive what is derived, keep it, and say what the heap holds."""

from __future__ import annotations

import time
from pathlib import Path

from leakhunt.errors import UsageError
from leakhunt.hunt.case import snapshot_of
from leakhunt.hunt.heaps import open_heap
from leakhunt.hunt.inputs import mapping_of
from leakhunt.report.heap_model import HeapReport
from leakhunt.target.progress import OnProgress, Progress, ignore_progress


def analyse_file(
    path: Path | str, *, top: int = 10, cache: bool = True, on_progress: OnProgress | None = None
) -> HeapReport:
    """What a snapshot holds, with its ``top`` places where bytes come together.

    ``path`` may be the directory that a hunt filled: its final snapshot is meant.
    The first time everything is derived and kept beside the file (:func:`open_heap`); afterwards
    it is read from there.  ``on_progress`` may raise to cancel.

    Raises:
        UsageError: ``top`` is not positive, or a directory is no saved hunt.
        SnapshotError: the file cannot be read.
        MemoryNeedError: too little memory for it.
    """
    from leakhunt.analysis.retention import accumulations, heap_totals
    from leakhunt.store.cache import cache_path

    if top < 1:
        raise UsageError(f"top is {top}", hint="give 1 or more")
    path, tell = snapshot_of(Path(path)), on_progress or ignore_progress
    started = time.perf_counter_ns()
    opened = open_heap(path, cache=cache, on_progress=tell)
    ready = time.perf_counter_ns()
    tell(Progress("look"))
    graph = opened.graph
    header = graph.columns.header
    totals, largest = heap_totals(graph), accumulations(graph, top)
    pid = mapping_of(header, "process").get("pid")
    is_kept = cache and cache_path(path).is_file()
    return HeapReport(
        snapshot=str(path),
        label=str(header.get("label", "")),
        created=str(header.get("created", "")),
        pid=pid if isinstance(pid, int) else None,
        totals=totals,
        largest=largest,
        is_cached=opened.is_cached,
        cache=str(cache_path(path)) if is_kept else None,
        notes=opened.notes,
        timings_ns={
            "open_ns": ready - started,
            "look_ns": time.perf_counter_ns() - ready,
            "total_ns": time.perf_counter_ns() - started,
        },
    )
