"""``leakhunt tasks``: what the asyncio tasks of a snapshot wait for."""

from __future__ import annotations

from pathlib import Path

import click

from leakhunt.cli import output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName

_EXAMPLES = """\b
Examples:
  leakhunt tasks final.lkheap
  leakhunt tasks before/ --json

A task is stuck when nothing that can still run reaches what would wake it.
"""


@click.command(short_help="What asyncio tasks wait for, and which are stuck.", epilog=_EXAMPLES)
@click.argument("file", type=FileName())
@click.option("--all", "show_all", is_flag=True, help="Every group of tasks.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def tasks(file: Path, show_all: bool, as_json: bool) -> ExitCode:
    """List the unfinished asyncio tasks of a snapshot as a tree of awaits: where each awaits, who
    could wake it, and who waits for it in turn. Tasks that wait alike are counted together.

    FILE is a snapshot, or the directory that leakhunt hunt --save filled.
    """
    from leakhunt.hunt.tasks import list_tasks

    report = list_tasks(file)
    if as_json:
        from leakhunt.report.tasks_model import tasks_to_json

        streams.write(tasks_to_json(report) + "\n")
    else:
        from dataclasses import replace

        from leakhunt.report.text.tasks_screen import render_tasks

        streams.write(render_tasks(report, replace(output.text_options(), show_all=show_all)))
    return ExitCode.NO_LEAK
