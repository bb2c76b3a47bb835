"""Compare snapshot files."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from leakhunt.errors import SnapshotError, UsageError
from leakhunt.hunt.assemble import assemble, cycles_of_window, open_all, user_rules
from leakhunt.hunt.case import open_case
from leakhunt.hunt.free_memory import trim
from leakhunt.hunt.inputs import check_one_process, mapping_of, refuse_pipe, window_beside
from leakhunt.report.model import Report

if TYPE_CHECKING:
    from leakhunt.store.columns import SnapshotColumns


def diff_files(
    paths: Sequence[Path], cycles: int | None = None, rules: Sequence[Path] = ()
) -> Report:
    """Compare snapshot files of one process: baseline, final or baseline, loaded, final.

    A directory that a hunt filled stands for its snapshots and its cycles.
    ``rules``: Python files that add to the detectors.  With three files of one hunt, its
    window is taken too when it lies beside them.
    Raises UsageError when they cannot be compared, SnapshotError when one cannot be read.
    """
    if len(paths) == 1 and paths[0].is_dir():
        case = open_case(paths[0])
        paths = [path for label, path in case.files.items() if label != "window"]
        cycles = cycles or case.report.cycles
    if len(paths) not in {2, 3}:
        raise UsageError(
            f"a diff takes 2 or 3 snapshots, not {len(paths)}",
            hint="give baseline and final, or baseline, loaded and final, or a saved hunt",
        )
    if cycles is not None and cycles < 1:
        raise UsageError(f"the number of cycles is {cycles}", hint="give --cycles 1 or more")
    started = time.perf_counter_ns()
    added = user_rules(rules)
    labels = ("baseline", "final") if len(paths) == 2 else ("baseline", "loaded", "final")
    files = {label: Path(path) for label, path in zip(labels, paths, strict=True)}
    for path in files.values():
        refuse_pipe(path)
    columns = open_all(files)
    check_one_process(files, {label: c.header for label, c in columns.items()})
    header = columns["final"].header
    window = _window_of(files, columns)
    if window is not None:
        path, found = window
        files = {"baseline": files["baseline"], "window": path, **files}
        columns = {"baseline": columns["baseline"], "window": found, **columns}
    report = assemble(
        columns=columns,
        files=files,
        cycles=cycles,
        window_cycles=cycles_of_window(cycles or 0) if window is not None else None,
        target={
            "command": None,
            "pid": mapping_of(header, "process").get("pid"),
            "python": dict(mapping_of(header, "python")),
            "scenario": None,
        },
        saved=True,
        rules=added(),
    )
    trim()
    return replace(report, timings_ns={"total_ns": time.perf_counter_ns() - started})


def _window_of(
    files: Mapping[str, Path], columns: Mapping[str, SnapshotColumns]
) -> tuple[Path, SnapshotColumns] | None:
    """The window of the hunt that the files come from, if the diff needs it."""
    if "loaded" not in columns:
        return None
    headers = columns["baseline"].header, columns["loaded"].header
    path = window_beside(files["baseline"], *headers)
    if path is None or path in files.values():
        return None
    from leakhunt.hunt.heaps import open_columns

    try:
        return path, open_columns(path)
    except SnapshotError:
        return None
