"""Which tasks of queue workers leave something behind: what workers wrote, added up."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from leakhunt.agent.jobs import PREFIX, RSS_UNIT_BYTES, SCHEMA, SUFFIX
from leakhunt.errors import UsageError
from leakhunt.report.jobs_model import MEASURED_MIN, JobsReport, TaskGrowth
from leakhunt.report.json_fields import Fields, whole, wrong

ERRORS: Final = 3
"""Standard errors above which a mean is no chance."""
ERRORS_OF_ALL: Final = 2
"""The same where the tenths are part of the mean."""
_AGREES: Final = 0.75
LEAST_BLOCKS: Final = 0.75
RARE_MIN: Final = 100
"""Measured jobs from which on those that seldom leave much behind count."""
RSS_MIN: Final = 300
"""Measured jobs from which on resident memory counts..."""
LEAST_RSS: Final = 4096
"""...and what a job must leave of it: a page."""
_BYTES_MAX: Final = 16 << 20
_JOBS_MAX: Final = 10**9
_VALUE_MAX: Final = 1 << 63


def jobs_in(paths: Sequence[Path]) -> JobsReport:
    """Add up the files of workers, or of all workers in a folder.

    Raises UsageError when there is none, or a file is none of ours.
    """
    files = [file for path in paths for file in _files(path)]
    workers = [_read(file) for file in files]
    sums: dict[str, _Sum] = {}
    for worker in workers:
        for task in worker["tasks"]:
            sums.setdefault(task.name, _Sum(task.name)).add(task)
    tasks = [_growth(task) for task in sums.values()]
    return JobsReport(
        files=tuple(map(str, files)),
        workers=len(workers),
        jobs=sum(task.jobs for task in tasks),
        blocks=sum(worker["blocks"] for worker in workers),
        rss_bytes=sum(worker["rss_bytes"] for worker in workers),
        tasks=tuple(sorted(tasks, key=_order)),
    )


def _order(task: TaskGrowth) -> tuple[bool, float, str]:
    return not task.grows, -(task.blocks_per_job or 0.0) * task.jobs, task.name


def _files(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob(f"{PREFIX}*{SUFFIX}"))
    if not found:
        raise UsageError(
            f"no worker wrote into {path}",
            hint="call leakhunt.agent.jobs.start(FOLDER) in the worker; it writes every 10 s",
        )
    return found


def _read(path: Path) -> dict[str, Any]:
    """One worker.  Raises UsageError."""
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_BYTES_MAX))
    except OSError as exc:
        raise UsageError(
            f"{path} cannot be read: {exc.strerror or exc}", hint="give a folder that exists"
        ) from exc
    except (ValueError, RecursionError) as exc:
        raise UsageError(f"{path} is no file of a worker: {exc}") from exc
    fields = Fields(data, str(path))
    if fields.text("schema") != SCHEMA:
        raise UsageError(
            f"{path} is no file of a worker ({fields.text('schema')!r})",
            hint=f"leakhunt.agent.jobs writes {SCHEMA}",
        )
    return {
        "blocks": _value(fields, "blocks"),
        "rss_bytes": _value(fields, "rss_bytes"),
        "tasks": fields.each("tasks", lambda value, place: _task(Fields(value, place))),
    }


@dataclass(slots=True)
class _Sum:
    """One task, of one worker or of several."""

    name: str
    jobs: int = 0
    measured: int = 0
    ns: int = 0
    rss_bytes: int = 0
    rss_squares: int = 0
    blocks: Counter[int] = field(default_factory=Counter)

    def add(self, other: _Sum) -> None:
        """What another worker did of it."""
        self.jobs += other.jobs
        self.measured += other.measured
        self.ns += other.ns
        self.rss_bytes += other.rss_bytes
        self.rss_squares += other.rss_squares
        self.blocks.update(other.blocks)


def _task(fields: Fields) -> _Sum:
    jobs = _count(fields.integer("jobs"), _JOBS_MAX, fields.place("jobs"))
    measured = _count(fields.integer("measured"), jobs, fields.place("measured"))
    place = fields.place("blocks")
    blocks: Counter[int] = Counter()
    for key, count in fields.mapping("blocks").items():
        if not re.fullmatch(r"-?[0-9]{1,19}", key) or abs(int(key)) >= _VALUE_MAX:
            raise wrong(place, "by whole numbers", key)
        blocks[int(key)] += _count(whole(count, f"{place}[{key}]"), measured, f"{place}[{key}]")
    _count(blocks.total(), measured, f"the sum of {place}")
    return _Sum(
        name=fields.text("name"),
        jobs=jobs,
        measured=measured,
        ns=_count(fields.integer("ns"), _VALUE_MAX - 1, fields.place("ns")),
        rss_bytes=_value(fields, "rss_bytes"),
        rss_squares=_count(
            fields.integer("rss_squares"), _VALUE_MAX - 1, fields.place("rss_squares")
        ),
        blocks=blocks,
    )


def _count(value: int, most: int, place: str) -> int:
    if not 0 <= value <= most:
        raise wrong(place, f"0 to {most}", value)
    return value


def _value(fields: Fields, name: str) -> int:
    value = fields.integer(name)
    if abs(value) >= _VALUE_MAX:
        raise wrong(fields.place(name), "a number of 64 bits", value)
    return value


def _growth(task: _Sum) -> TaskGrowth:
    believed, error, errors = _mean_of(task.blocks)
    rss, rss_error = _resident(task)
    by_blocks = task.blocks.total() >= MEASURED_MIN and _is_above(
        believed, error, errors, LEAST_BLOCKS
    )
    by_rss = task.measured >= RSS_MIN and _is_above(rss, rss_error, ERRORS, LEAST_RSS)
    n = task.blocks.total()
    return TaskGrowth(
        name=task.name,
        jobs=task.jobs,
        measured=task.measured,
        blocks_per_job=believed,
        error=error,
        mean_blocks=_mean(task.blocks.items(), n) if n else None,
        rss_per_job=rss,
        rss_error=rss_error,
        ns_per_job=task.ns / max(task.jobs, 1),
        grows=by_blocks or by_rss,
    )


def _is_above(mean: float | None, error: float | None, errors: float, least: float) -> bool:
    return mean is not None and error is not None and mean - errors * error > least


def _mean_of(counts: Mapping[int, int]) -> tuple[float | None, float | None, float]:
    """The mean that is believed, its standard error, and how many of those prove growth.

    Without the tenths a sawtooth looks like growth, and a leak of few jobs like none: where they
    take away much of the mean, or of proved growth, they are part of it.
    """
    trimmed, error = trimmed_mean(counts)
    n = sum(counts.values())
    if trimmed is None or error is None:
        return trimmed, error, ERRORS
    mean, of_mean = _mean(counts.items(), n), _deviation(counts.items(), n) / math.sqrt(n)
    if mean < _AGREES * trimmed:
        return mean, of_mean, ERRORS_OF_ALL
    is_rare = n >= RARE_MIN and _is_above(mean, of_mean, ERRORS, LEAST_BLOCKS)
    if is_rare and not _is_above(trimmed, error, ERRORS, LEAST_BLOCKS):
        return mean, of_mean, ERRORS
    return trimmed, error, ERRORS


def _resident(task: _Sum) -> tuple[float | None, float | None]:
    """Mean of the resident bytes that a job leaves, and its standard error."""
    n = task.measured
    if n == 0:
        return None, None
    mean = task.rss_bytes / n
    if n < 2:
        return mean, None
    rest = task.rss_squares - n * (mean / RSS_UNIT_BYTES) ** 2
    return mean, math.sqrt(max(rest, 0.0) / (n - 1) / n) * RSS_UNIT_BYTES


def trimmed_mean(counts: Mapping[int, int]) -> tuple[float | None, float | None]:
    """The mean of values, given with how often each occurred, without the least and the largest
    tenth, and its standard error from the winsorized deviation (Tukey & McLaughlin 1963); None
    for what cannot be said.

    A table that doubles, or a thread that wakes up, is in the tenths.
    """
    n = sum(counts.values())
    if n == 0:
        return None, None
    cut = n // 10
    kept = _between(counts, cut, n - cut)
    mean = _mean(kept, n - 2 * cut)
    if n < 2:
        return mean, None
    winsorized = [(kept[0][0], cut), *kept, (kept[-1][0], cut)]
    return mean, _deviation(winsorized, n) / ((1 - 2 * cut / n) * math.sqrt(n))


def _between(counts: Mapping[int, int], start: int, stop: int) -> Sequence[tuple[int, int]]:
    """Of all values in their order, those from place ``start`` to before ``stop``."""
    kept, place = [], 0
    for value, count in sorted(counts.items()):
        many = min(place + count, stop) - max(place, start)
        if many > 0:
            kept.append((value, many))
        place += count
    return kept


def _mean(pairs: Iterable[tuple[int, int]], n: int) -> float:
    return sum(value * count for value, count in pairs) / n


def _deviation(pairs: Collection[tuple[int, int]], n: int) -> float:
    middle = _mean(pairs, n)
    return math.sqrt(sum(count * (value - middle) ** 2 for value, count in pairs) / (n - 1))
