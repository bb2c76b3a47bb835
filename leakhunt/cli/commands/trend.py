"""``leakhunt trend``: what grows over a ladder of snapshot files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from leakhunt.cli import output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName, Whole
from leakhunt.cli.progress import Narrator

_EXAMPLES = """\b
Examples:
  leakhunt hunt --scenario checkout.py --ladder 5 --save out
  leakhunt trend out/
  leakhunt trend monday.lkheap tuesday.lkheap wednesday.lkheap --by minute --json
"""


@click.command(short_help="What grows over three or more snapshots.", epilog=_EXAMPLES)
@click.argument("files", nargs=-1, required=True, type=FileName())
@click.option(
    "--by",
    type=click.Choice(("cycle", "minute", "snapshot")),
    help="What rates are per.  [default: cycle where every file knows them, else snapshot]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the trend as JSON.")
@click.option(
    "--top",
    type=Whole(1),
    default=10,
    show_default=True,
    metavar="N",
    help="Holders and types shown.",
)
@click.option("--all", "show_all", is_flag=True, help="Every holder and every type.")
def trend(files: tuple[Path, ...], by: str | None, as_json: bool, top: int, show_all: bool) -> int:
    """Compare snapshots of one process, or of several runs of a program, by path: what there was
    more of in every step, how fast and how straight it grew.

    A directory that leakhunt hunt --save --ladder filled stands for all of its snapshots.
    """
    with Narrator() as narrator:
        from leakhunt.hunt import trend_files

        found = trend_files(files, by, narrator)
    if as_json:
        from leakhunt.report.json_trend import to_json

        streams.write(to_json(found, [str(path) for path in files]) + "\n")
        return ExitCode.NO_LEAK
    from leakhunt.report.text.trend import render_trend

    options = replace(output.text_options(), top=top, show_all=show_all)
    streams.write(render_trend(found, options))
    return ExitCode.NO_LEAK
