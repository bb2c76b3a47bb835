"""What jobs of queue workers leave behind, as data and as JSON (``leakhunt.jobs-report/1``)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

JOBS_SCHEMA = "leakhunt.jobs-report/1"
MEASURED_MIN = 20
"""Fewer measured jobs say nothing."""


@dataclass(frozen=True, slots=True)
class TaskGrowth:
    """One task, the jobs of all workers together."""

    name: str
    jobs: int
    """All that ended."""
    measured: int
    """Of them, between two collections of garbage."""
    blocks_per_job: float | None
    """Blocks of the object allocator that a measured job leaves behind, the mean without the
    least and the largest tenth (with them, where they prove growth or take much of it away); None
    without one."""
    error: float | None
    """Standard error of that mean; None for fewer than two jobs."""
    mean_blocks: float | None
    """The mean of all measured jobs."""
    rss_per_job: float | None
    """Resident bytes that it leaves behind."""
    rss_error: float | None
    ns_per_job: float
    grows: bool
    """The mean is above 0.75 blocks by more than three standard errors, of 20 measured jobs or
    more; or above 4096 resident bytes, of 300 or more."""


@dataclass(frozen=True, slots=True)
class JobsReport:
    """What ``leakhunt jobs`` answers."""

    files: tuple[str, ...]
    workers: int
    jobs: int
    blocks: int
    """By which all workers grew."""
    rss_bytes: int
    tasks: tuple[TaskGrowth, ...]
    """Most growth first."""

    @property
    def says_something(self) -> bool:
        """Whether any task has been measured often enough."""
        return any(task.measured >= MEASURED_MIN for task in self.tasks)


def jobs_to_dict(report: JobsReport) -> dict[str, Any]:
    """The report as plain dicts, lists, strings, numbers and None."""
    values = asdict(report)
    return {
        "schema": JOBS_SCHEMA,
        **values,
        "files": list(report.files),
        "tasks": list(values["tasks"]),
    }


def jobs_to_json(report: JobsReport) -> str:
    """ASCII JSON text without a final newline."""
    return json.dumps(jobs_to_dict(report), indent=2, ensure_ascii=True, allow_nan=False)
