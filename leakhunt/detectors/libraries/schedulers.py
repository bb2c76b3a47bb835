"""Schedulers: jobs and delayed calls."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from leakhunt.detectors.rows import Kind, Row

ROWS: tuple[Row, ...] = (
    Kind(
        Category.TIMER,
        frozenset({"apscheduler.job.Job"}),
        "Call `job.remove()` when it is no longer needed, or add it with a fixed `id=` and "
        "`replace_existing=True`: a job store keeps every interval job.",
        noun="Job never removed",
    ),
    Kind(
        Category.TIMER,
        frozenset({"twisted.internet.base.DelayedCall"}),
        "Keep what `callLater` returns and call `.cancel()` on it when the answer is there "
        "(`if call.active(): call.cancel()`), or use `Deferred.addTimeout`.",
        noun="Delayed call never cancelled",
    ),
    Kind(
        Category.TIMER,
        frozenset({"schedule.Job"}),
        "Call `schedule.cancel_job(job)`, or return `schedule.CancelJob` from a job that is to run "
        "once.",
        noun="Job never cancelled",
    ),
)
