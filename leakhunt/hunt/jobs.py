"""Which tasks of queue workers leave something behind: what workers wrote, added up."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from leakhunt.agent.jobs import PREFIX, SCHEMA, SUFFIX
from leakhunt.errors import UsageError
from leakhunt.report.jobs_model import JobsReport, TaskGrowth
from leakhunt.report.json_fields import Fields

MEASURED_MIN: Final = 20
"""Fewer measured jobs say nothing."""
ERRORS: Final = 3
"""Standard errors above which a mean is no chance."""
ERRORS_OF_ALL: Final = 2
"""The same where the tenths are part of the mean."""
_AGREES: Final = 0.75
LEAST_BLOCKS: Final = 0.75
_BYTES_MAX: Final = 16 << 20


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
        "blocks": fields.integer("blocks"),
        "rss_bytes": fields.integer("rss_bytes"),
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
    blocks: Counter[int] = field(default_factory=Counter)

    def add(self, other: _Sum) -> None:
        """What another worker did of it."""
        self.jobs += other.jobs
        self.measured += other.measured
        self.ns += other.ns
        self.rss_bytes += other.rss_bytes
        self.blocks.update(other.blocks)


def _task(fields: Fields) -> _Sum:
    counts = fields.mapping("blocks")
    try:
        blocks = Counter({int(key): int(count) for key, count in counts.items()})
    except (TypeError, ValueError) as exc:
        raise UsageError(f"{fields.place('blocks')} has what is no number: {exc}") from exc
    return _Sum(
        name=fields.text("name"),
        jobs=fields.integer("jobs"),
        measured=fields.integer("measured"),
        ns=fields.integer("ns"),
        rss_bytes=fields.integer("rss_bytes"),
        blocks=blocks,
    )


def _growth(task: _Sum) -> TaskGrowth:
    values = sorted(value for value, count in task.blocks.items() for _ in range(count))
    mean, error, errors = _mean_of(values)
    grows = (
        len(values) >= MEASURED_MIN
        and mean is not None
        and error is not None
        and mean - errors * error > LEAST_BLOCKS
    )
    rss = task.rss_bytes / task.measured if task.measured else None
    ns = task.ns / max(task.jobs, 1)
    return TaskGrowth(task.name, task.jobs, task.measured, mean, error, rss, ns, grows)


def _mean_of(values: Sequence[int]) -> tuple[float | None, float | None, float]:
    """The mean that is believed, its standard error, and how many of those prove growth.

    Without the tenths a sawtooth looks like growth: where they take away much of the mean, they
    are part of it.
    """
    trimmed, error = trimmed_mean(values)
    n = len(values)
    if trimmed is None or error is None:
        return trimmed, error, ERRORS
    mean = sum(values) / n
    if mean >= _AGREES * trimmed:
        return trimmed, error, ERRORS
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    return mean, deviation / math.sqrt(n), ERRORS_OF_ALL


def trimmed_mean(values: Sequence[int]) -> tuple[float | None, float | None]:
    """The mean of sorted values without the least and the largest tenth, and its standard error
    from the winsorized deviation (Tukey & McLaughlin 1963); None for what cannot be said.

    A table that doubles, or a thread that wakes up, is in the tenths.
    """
    n = len(values)
    if n == 0:
        return None, None
    cut = n // 10
    kept = values[cut : n - cut]
    mean = sum(kept) / len(kept)
    if n < 2:
        return mean, None
    winsorized = [*[kept[0]] * cut, *kept, *[kept[-1]] * cut]
    middle = sum(winsorized) / n
    deviation = math.sqrt(sum((value - middle) ** 2 for value in winsorized) / (n - 1))
    return mean, deviation / ((1 - 2 * cut / n) * math.sqrt(n))
