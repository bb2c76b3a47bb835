"""Compare snapshot files."""

from __future__ import annotations

import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakhunt.agent.format import FILE_SUFFIX
from leakhunt.errors import SnapshotError, UsageError
from leakhunt.hunt.assemble import (
    assemble,
    cycles_of_window,
    mapping_of,
    open_all,
    sequence_of,
    user_rules,
)
from leakhunt.hunt.case import open_case
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


def window_beside(
    baseline: Path, baseline_header: Mapping[str, Any], loaded_header: Mapping[str, Any]
) -> Path | None:
    """The window that a hunt left beside its baseline, when the later snapshot needs it.

    The loaded snapshot then knows births since the window only: the window closes the gap.
    """
    if mapping_of(loaded_header, "identity").get("since") != "window":
        return None
    from leakhunt.store.catalog import read_entry

    path = baseline.parent / f"window{FILE_SUFFIX}"
    try:
        header = read_entry(path).header if path.is_file() else {}
    except SnapshotError:
        return None
    is_same = mapping_of(header, "process") == mapping_of(loaded_header, "process")
    is_between = sequence_of(baseline_header) < sequence_of(header) < sequence_of(loaded_header)
    return path if is_same and is_between else None


def refuse_pipe(path: Path) -> None:
    """Opening a pipe nobody writes to would wait for ever; the reader tells all else."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UsageError(f"{path} is no regular file", hint="copy the snapshot to a file first")


def check_one_process(files: Mapping[str, Path], headers: Mapping[str, Mapping[str, Any]]) -> None:
    """Addresses mean something within one process only, births from earlier to later only.

    Raises UsageError for headers of several processes or out of order.
    """
    first, *others = headers
    for label in others:
        before, after = headers[first], headers[label]
        if mapping_of(before, "process") != mapping_of(after, "process"):
            raise UsageError(
                f"{files[first]} and {files[label]} are of different processes"
                f" (pid {mapping_of(before, 'process').get('pid')}"
                f" and {mapping_of(after, 'process').get('pid')})",
                hint="compare snapshots that one run of one process wrote",
            )
        if sequence_of(after) < sequence_of(before):
            raise UsageError(
                f"{files[label]} was taken before {files[first]}",
                hint="give the snapshots in the order in which they were taken",
            )
        first = label
