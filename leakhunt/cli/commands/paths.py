"""``leakhunt paths``: who keeps some objects of a snapshot."""

from __future__ import annotations

from pathlib import Path

import click

from leakhunt.cli import output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName

_EXAMPLES = """\b
Examples:
  leakhunt paths final.lkheap --to shop.Session
  leakhunt paths final.lkheap --to shop.Session --all
  leakhunt paths final.lkheap --to shop.Session --avoid logging --avoid shop.bus.BUS
  leakhunt paths final.lkheap --to "shop.bus.BUS.listeners['tick'][0]" --json

A type means all its objects. What is avoided (a module with its submodules, the objects of a
type, a path, an @ADDRESS) keeps nothing, as if it were not there.
"""


@click.command(short_help="Who keeps the objects of a type, or one object.", epilog=_EXAMPLES)
@click.argument("file", type=FileName())
@click.option(
    "--to", required=True, metavar="TYPE|PATH|@ADDRESS", help="The objects that are kept."
)
@click.option(
    "--avoid",
    multiple=True,
    metavar="MODULE|TYPE|PATH|@ADDRESS",
    help="A retainer to ignore; may be given several times.",
)
@click.option(
    "--all",
    "show_all",
    is_flag=True,
    help="Every path in full, and the independent ones: the most that share no reference.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def paths(file: Path, to: str, avoid: tuple[str, ...], show_all: bool, as_json: bool) -> ExitCode:
    """Name the shortest path that keeps each object of a snapshot alive, those that differ in
    indexes and keys only merged and counted. Weak references keep nothing.

    FILE is a snapshot, or the directory that leakhunt hunt --save filled.
    """
    from leakhunt.hunt import find_paths

    report = find_paths(file, to, avoid, with_independent=show_all)
    if as_json:
        from leakhunt.report.paths_model import paths_to_json

        streams.write(paths_to_json(report) + "\n")
    else:
        from dataclasses import replace

        from leakhunt.report.text.paths_screen import render_paths

        options = replace(output.text_options(), show_all=show_all)
        streams.write(render_paths(report, options))
    return ExitCode.NO_LEAK
