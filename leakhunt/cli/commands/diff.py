"""``leakhunt diff``: compare snapshot files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from leakhunt.cli import output
from leakhunt.cli.parameters import FileName, Whole

_FILE = FileName()


@click.command(short_help="Compare two or three snapshot files.")
@click.argument("baseline", type=_FILE)
@click.argument("later", type=_FILE)
@click.argument("final", type=_FILE, required=False)
@click.option(
    "--cycles",
    type=Whole(1),
    metavar="N",
    help="Cycles of load between the first and the second file: growth becomes a rate.",
)
@output.report_options
def diff(
    baseline: Path,
    later: Path,
    final: Path | None,
    cycles: int | None,
    rules: tuple[Path, ...],
    **arguments: Any,
) -> int:
    """Compare snapshots of one process: what grew, and who holds it.

    With two files, the second is the final state. With three, they are the baseline, the loaded
    state before a collection, and the final state after it.
    """
    options = output.of_arguments(arguments)
    from leakhunt.hunt import diff_files

    paths = [baseline, later] if final is None else [baseline, later, final]
    return output.emit(diff_files(paths, cycles, rules), options)
