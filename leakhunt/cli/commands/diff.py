"""``leakhunt diff``: compare snapshot files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from leakhunt.cli import output
from leakhunt.cli.parameters import FileName, Whole

_FILE = FileName()


_EXAMPLES = """\b
Examples:
  leakhunt diff before.lkheap after.lkheap
  leakhunt diff out/baseline.lkheap out/loaded.lkheap out/final.lkheap --cycles 200
  leakhunt diff out/ --all
"""


@click.command(short_help="Compare two or three snapshot files.", epilog=_EXAMPLES)
@click.argument("baseline", type=_FILE)
@click.argument("later", type=_FILE, required=False)
@click.argument("final", type=_FILE, required=False)
@click.option(
    "--cycles",
    type=Whole(1),
    metavar="N",
    help="Cycles of load between the first and the second file: growth becomes a rate.  "
    "[default: those of the saved hunt]",
)
@output.report_options
def diff(
    baseline: Path,
    later: Path | None,
    final: Path | None,
    cycles: int | None,
    rules: tuple[Path, ...],
    **arguments: Any,
) -> int:
    """Compare snapshots of one process: what grew, and who holds it.

    With two files, the second is the final state. With three, they are the baseline, the loaded
    state before a collection, and the final state after it. A directory that leakhunt hunt
    --save filled stands for all of its own.
    """
    options = output.of_arguments(arguments)
    from leakhunt.hunt import diff_files

    paths = [path for path in (baseline, later, final) if path is not None]
    return output.emit(diff_files(paths, cycles, rules), options)
