"""``leakhunt jobs``: which tasks of queue workers leave something behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from leakhunt.cli import output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName

_EXAMPLES = """\b
Examples:
  leakhunt jobs /var/lib/leakhunt
  leakhunt jobs jobs-4242.json --json
"""


@click.command(short_help="Growth for each job and task of queue workers.", epilog=_EXAMPLES)
@click.argument("paths", type=FileName(), metavar="FOLDER|FILE...", nargs=-1, required=True)
@click.option("--all", "show_all", is_flag=True, help="Every task.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def jobs(paths: tuple[Path, ...], show_all: bool, as_json: bool) -> ExitCode:
    """Tell how many blocks of Python's allocator, and how much resident memory, the jobs of each
    task leave behind, from the files that workers write (leakhunt.agent.jobs.start).

    The exit code is 1 if a task grows.
    """
    from leakhunt.hunt.jobs import jobs_in

    report = jobs_in(paths)
    if as_json:
        from leakhunt.report.jobs_model import jobs_to_json

        streams.write(jobs_to_json(report) + "\n")
    else:
        from leakhunt.report.text.jobs_screen import render_jobs

        streams.write(render_jobs(report, replace(output.text_options(), show_all=show_all)))
    return ExitCode.LEAK if any(task.grows for task in report.tasks) else ExitCode.NO_LEAK
