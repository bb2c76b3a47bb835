"""``leakhunt sites``: which lines allocated what is alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from leakhunt.cli import output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName, Whole

_EXAMPLES = """\b
Examples:
  leakhunt hunt --scenario checkout.py --save out
  leakhunt sites out/
  leakhunt sites before.lkheap after.lkheap --json
  leakhunt export out/ --format flamegraph -o sites.svg
"""


@click.command(short_help="Which lines allocated what is alive.", epilog=_EXAMPLES)
@click.argument("files", nargs=-1, required=True, type=FileName(), metavar="FILE...")
@click.option(
    "--top", type=Whole(1), default=20, show_default=True, metavar="N", help="Sites shown."
)
@click.option("--all", "show_all", is_flag=True, help="Every site.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def sites(files: Sequence[Path], top: int, show_all: bool, as_json: bool) -> ExitCode:
    """Tabulate where live memory was allocated, snapshot by snapshot: the line in your own code,
    and the library call below it.

    FILE is a snapshot that was taken while allocations were sampled, several in order of time,
    or the directory that `leakhunt hunt --save` filled. Bytes are estimates with a 95 %
    interval; what was allocated before sampling began is not in them.
    """
    from leakhunt.hunt.sites import tabulate_sites

    report = tabulate_sites(files)
    if as_json:
        from leakhunt.report.sites_model import sites_to_json

        streams.write(sites_to_json(report) + "\n")
        return ExitCode.NO_LEAK
    from leakhunt.report.text.sites_screen import render_sites

    options = replace(output.text_options(), top=top, show_all=show_all)
    streams.write(render_sites(report, options))
    return ExitCode.NO_LEAK
