"""``leakhunt analyse``: what one snapshot holds, derived once and kept."""

from __future__ import annotations

from pathlib import Path

import click

from leakhunt.cli import output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName, Whole
from leakhunt.cli.progress import Narrator

_EXAMPLES = """\b
Examples:
  leakhunt analyse final.lkheap
  leakhunt analyse final.lkheap --top 30 --json > heap.json
  leakhunt analyse final.lkheap.zst --no-cache

The first time, dominators, retained sizes, distances and reference cycles are computed and
kept beside the file (FILE.lkcache, which may be deleted); every command that reads the
snapshot afterwards opens it in milliseconds.
"""


@click.command(
    short_help="What a snapshot holds, and where its bytes come together.", epilog=_EXAMPLES
)
@click.argument("file", type=FileName())
@click.option(
    "--top",
    type=Whole(1),
    default=10,
    show_default=True,
    metavar="N",
    help="Places where bytes come together.",
)
@click.option(
    "--no-cache",
    "cache",
    flag_value=False,
    default=True,
    help="Neither read nor keep the cache beside the file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def analyse(file: Path, top: int, cache: bool, as_json: bool) -> ExitCode:
    """Analyse a snapshot: count its objects, garbage, roots and reference cycles, and name the
    places that retain the most.

    FILE is a snapshot, or the directory that leakhunt hunt --save filled.
    """
    with Narrator() as narrator:
        from leakhunt.hunt import analyse_file

        report = analyse_file(file, top=top, cache=cache, on_progress=narrator)
    if as_json:
        from leakhunt.report.heap_model import heap_to_json

        streams.write(heap_to_json(report) + "\n")
    else:
        from leakhunt.report.text.heap_screen import render_heap

        streams.write(render_heap(report, output.text_options()))
    return ExitCode.NO_LEAK
