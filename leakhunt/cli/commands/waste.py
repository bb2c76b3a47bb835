"""``leakhunt waste``: equal values, empty and sparse containers, needless dicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from leakhunt.cli import output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName, Whole

_EXAMPLES = """\b
Examples:
  leakhunt hunt --scenario checkout.py --content --save out
  leakhunt waste out/final.lkheap
  leakhunt waste out/final.lkheap --all --json
"""


@click.command(
    short_help="Memory spent on nothing: duplicates, empty containers.", epilog=_EXAMPLES
)
@click.argument("file", type=FileName())
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.option(
    "--top",
    type=Whole(1),
    default=10,
    show_default=True,
    metavar="N",
    help="Values, places and classes shown.",
)
@click.option("--all", "show_all", is_flag=True, help="Every value, every place and every class.")
def waste(file: Path, as_json: bool, top: int, show_all: bool) -> ExitCode:
    """Say what memory of a snapshot is wasted: equal values kept more than once (when it was
    captured with --content), containers with little or nothing in them, and attribute dicts
    that __slots__ would save.

    FILE is a snapshot, or the directory that leakhunt hunt --save filled.
    """
    from leakhunt.hunt import find_waste_in

    found = find_waste_in(file, None if show_all else top)
    if as_json:
        from leakhunt.report.waste_json import waste_to_json

        streams.write(waste_to_json(found, str(file)) + "\n")
        return ExitCode.NO_LEAK
    from leakhunt.report.text.waste_screen import render_waste

    options = replace(output.text_options(), top=top, show_all=show_all)
    streams.write(render_waste(found, options))
    return ExitCode.NO_LEAK
