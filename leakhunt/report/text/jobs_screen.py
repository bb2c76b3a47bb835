"""What jobs leave behind, as a screen for people."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from leakhunt.report import units
from leakhunt.report.jobs_model import JobsReport, TaskGrowth
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import LABEL_STYLE, QUIET, STRONG, Sheet, TextOptions

_SHOWN = 20
_FEW = "not measured yet"
_SOMETHING = 0.75
"""Blocks by which two means differ."""


def render_jobs(report: JobsReport, options: TextOptions | None = None) -> str:
    """The whole screen, lines ending in a line feed, no trailing blanks."""
    sheet = Sheet(options or TextOptions())
    return draw((_head(report, sheet), _tasks(report, sheet)), sheet)


def _head(report: JobsReport, sheet: Sheet) -> list[RenderableType]:
    growing = sum(task.grows for task in report.tasks)
    words, style = "Nothing can be said yet", "bold"
    if growing:
        words, style = f"{units.plural(growing, 'task')} leave something behind", "bold yellow"
        if growing == 1:
            words = "1 task leaves something behind"
    elif report.says_something:
        words, style = "No task grows", "bold green"
    text = Text(words, style=style)
    what = f": {units.plural(report.jobs, 'job')} of {units.plural(report.workers, 'worker')}, "
    what += f"which grew by {units.count(report.blocks, signed=True)} blocks and "
    text.append(what + units.size(report.rss_bytes, signed=True), style="default not bold")
    return [sheet.paragraph(text)]


def _tasks(report: JobsReport, sheet: Sheet) -> list[RenderableType]:
    shown = report.tasks if sheet.options.show_all else report.tasks[:_SHOWN]
    lines: list[RenderableType] = []
    for task in shown:
        line = Text(f"per job {sheet.name(task.name)}: ", style=STRONG if task.grows else "")
        line.append(_words(task, sheet), style=STRONG if task.grows else LABEL_STYLE)
        lines.append(sheet.paragraph(line))
    left = len(report.tasks) - len(shown)
    if left > 0:
        lines.append(Text(f" and {units.plural(left, 'more task')}", style=QUIET))
    return lines


def _words(task: TaskGrowth, sheet: Sheet) -> str:
    many = units.plural(task.jobs, "job")
    if task.blocks_per_job is None or task.rss_per_job is None or task.error is None:
        return f"{_FEW} ({many}, {task.measured:,} measured)"
    about = "+-" if sheet.options.ascii_only else "±"
    blocks = units.count(round(task.blocks_per_job, 2), signed=True)
    return (
        f"{blocks} blocks ({about}{task.error:.2g}){_with_tenths(task)},"
        f" {units.size(round(task.rss_per_job), signed=True)} resident"
        f" ({many}, {task.measured:,} measured, {units.duration(round(task.ns_per_job))} each)"
    )


def _with_tenths(task: TaskGrowth) -> str:
    """What the least and the largest tenth would make of the mean, where that is something."""
    assert task.blocks_per_job is not None
    if task.mean_blocks is None or abs(task.mean_blocks - task.blocks_per_job) < _SOMETHING:
        return ""
    return f" ({units.count(round(task.mean_blocks, 2), signed=True)} with all jobs)"
