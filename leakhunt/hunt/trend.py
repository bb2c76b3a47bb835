"""What grows over a ladder of snapshot files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakhunt.errors import UsageError
from leakhunt.hunt.case import ladder_of
from leakhunt.hunt.inputs import mapping_of, refuse_pipe, sequence_of
from leakhunt.target.progress import OnProgress, Progress, ignore_progress

if TYPE_CHECKING:
    from leakhunt.analysis.trend.results import Trend

UNITS = ("cycle", "minute", "snapshot")


def trend_files(
    paths: Sequence[Path], by: str | None = None, on_progress: OnProgress | None = None
) -> Trend:
    """What grows in every step over snapshot files of one process, or of several.

    A directory that a hunt filled stands for its snapshots.  Files of one process must be given
    in the order in which they were taken.  ``by`` is what rates are per: ``cycle`` (known to
    snapshots of a hunt), ``minute`` (of their creation) or
    ``snapshot``; None takes cycles where all files know them.  A ``loaded`` snapshot is no point
    of the ladder: it tells what drains when the load stops.  The files are read one after the
    other; only the last one is kept whole.

    Raises UsageError when they make no ladder, SnapshotError when one cannot be read.
    """
    from leakhunt.analysis.trend.ladder import Ladder
    from leakhunt.graph.heap_graph import HeapGraph
    from leakhunt.hunt.heaps import open_columns
    from leakhunt.store.catalog import read_entry

    tell = on_progress or ignore_progress
    paths = [file for path in paths for file in ladder_of(path)]
    for path in paths:
        refuse_pipe(path)
    headers = [read_entry(Path(path)).header for path in paths]
    points = [i for i, header in enumerate(headers) if header.get("label") not in _UNSETTLED]
    _check_number(paths, headers, points)
    unit, xs = _scale([headers[i] for i in points], by)
    x_by_index = dict(zip(points, xs, strict=True))
    runs = _runs([headers[i] for i in points])
    _check_order([paths[i] for i in points], [headers[i] for i in points])
    run_by_index = dict(zip(points, runs, strict=True))
    ladder, skipped = Ladder(unit), 0
    for i, path in enumerate(paths):
        tell(Progress("analysis", i, len(paths)))
        label = str(headers[i].get("label"))
        if i in x_by_index:
            ladder.add(HeapGraph(open_columns(path)), label, x_by_index[i], run_by_index[i])
        elif label == "loaded" and len(set(runs)) == 1:
            ladder.add_loaded(HeapGraph(open_columns(path)))
        else:
            skipped += 1
    trend = ladder.trend()
    return replace(trend, notes=_notes(skipped, runs, unit))


_CYCLES_MAX = 1 << 53
"""What a header says beyond that is no number of cycles."""
_UNSETTLED = frozenset({"window", "loaded"})
"""Labels of snapshots taken inside or right after the load, before a collection."""


_FEWEST = 3


def _check_number(
    paths: Sequence[Path], headers: Sequence[Mapping[str, Any]], points: Sequence[int]
) -> None:
    """Told before anything is read that takes its time."""
    if len(points) >= _FEWEST:
        return
    hint = "hunt with --ladder 2 or more, or give more files; leakhunt diff takes two"
    left = [i for i in range(len(paths)) if i not in points]
    if not left:
        raise UsageError(f"a trend takes {_FEWEST} or more snapshots, not {len(paths)}", hint=hint)
    names = ", ".join(f"{paths[i].name} ({headers[i].get('label')})" for i in left)
    were = "was" if len(left) == 1 else "were"
    raise UsageError(
        f"a trend takes {_FEWEST} or more settled snapshots, and of these {len(paths)} only "
        f"{len(points)} {'is one' if len(points) == 1 else 'are'}: {names} {were} taken under load",
        hint=hint,
    )


def _scale(headers: Sequence[Mapping[str, Any]], by: str | None) -> tuple[str, list[float]]:
    """The unit and where each snapshot stands."""
    cycles = [header.get("cycles") for header in headers]
    known = [float(one) for one in cycles if type(one) is int and 0 <= one < _CYCLES_MAX]
    is_known = len(known) == len(headers) and len(set(known)) > 1
    if by == "cycle" and not is_known:
        raise UsageError(
            "not every snapshot says after how many cycles it was taken",
            hint="give --by snapshot or --by minute; hunts with --save write the cycles",
        )
    if by == "cycle" or (by is None and is_known):
        return "cycle", known
    if by == "minute":
        return "minute", _minutes(headers)
    return "snapshot", [float(i) for i in range(len(headers))]


def _minutes(headers: Sequence[Mapping[str, Any]]) -> list[float]:
    try:
        times = [dt.datetime.fromisoformat(str(header.get("created"))) for header in headers]
        minutes = [(time - times[0]).total_seconds() / 60 for time in times]
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"a snapshot does not say when it was taken ({error})", hint="give --by snapshot"
        ) from error
    if len(set(minutes)) < len(minutes):
        raise UsageError(
            "two snapshots were created in the same second, as those of one hunt are",
            hint="give --by cycle or --by snapshot",
        )
    return minutes


def _runs(headers: Sequence[Mapping[str, Any]]) -> list[int]:
    """Number of the process of each snapshot, in the order in which they appear."""
    seen: list[Mapping[str, Any]] = []
    for header in headers:
        process = mapping_of(header, "process")
        if process not in seen:
            seen.append(process)
    return [seen.index(mapping_of(header, "process")) for header in headers]


def _check_order(paths: Sequence[Path], headers: Sequence[Mapping[str, Any]]) -> None:
    """Snapshots of one process in the order in which they were taken."""
    last: dict[str, tuple[int, Path]] = {}
    for path, header in zip(paths, headers, strict=True):
        key = repr(sorted(mapping_of(header, "process").items()))
        number, before = last.get(key, (-1, path))
        if sequence_of(header) < number:
            raise UsageError(
                f"{path} was taken before {before}",
                hint="give the snapshots in the order in which they were taken",
            )
        last[key] = sequence_of(header), path


def _notes(skipped: int, runs: Sequence[int], unit: str) -> tuple[str, ...]:
    notes = []
    if skipped:
        words = "1 snapshot inside a load was"
        words = words if skipped == 1 else f"{skipped} snapshots inside a load were"
        notes.append(f"{words} left out: a ladder has settled ones only.")
    if len(set(runs)) > 1:
        each = "as one series" if len(set(runs)) == len(runs) else "each in its own process"
        notes.append(f"The snapshots are of {len(set(runs))} processes, compared by path, {each}.")
    if unit == "snapshot":
        notes.append("The number of cycles is not known: rates are per snapshot.")
    return tuple(notes)
