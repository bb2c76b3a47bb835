"""``leakhunt export``: snapshots for Chrome DevTools, memlab and graph viewers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leakhunt.cli import streams
from leakhunt.cli.parameters import FileName
from leakhunt.cli.progress import Narrator
from leakhunt.errors import UsageError

if TYPE_CHECKING:
    from leakhunt.interop.heapsnapshot.check import Checked
    from leakhunt.interop.heapsnapshot.writer import Written

_EXAMPLES = """\b
Examples:
  leakhunt export final.lkheap -o final.heapsnapshot
  leakhunt export snapshots/ -o devtools/
  leakhunt export baseline.lkheap loaded.lkheap final.lkheap -o devtools/
  leakhunt export --check devtools/final.heapsnapshot

In Chrome: DevTools (F12), Memory, Load profile. With several files loaded, choose Comparison
instead of Summary. docs/howto/open-in-devtools.md says what to click.
"""


@click.command(short_help="Write snapshots for Chrome DevTools and memlab.", epilog=_EXAMPLES)
@click.argument("files", nargs=-1, required=True, type=FileName(), metavar="FILE...")
@click.option(
    "--output",
    "-o",
    type=FileName(),
    metavar="PATH",
    help="Where to write: a file for one snapshot, a directory for several.",
)
@click.option("--check", is_flag=True, help="Write nothing: read .heapsnapshot files strictly.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def export(files: Sequence[Path], output: Path | None, check: bool, as_json: bool) -> None:
    """Write snapshots in the format of V8, which Chrome DevTools and memlab open.

    FILE is a snapshot, or a directory of them as `leakhunt hunt --save` fills it. Snapshots of
    one process that are exported together give each object the same id in each file, so that
    the Comparison view of DevTools shows what was born and what departed.
    """
    with Narrator() as narrator:
        from leakhunt.hunt.export import check_heapsnapshots, export_heapsnapshots

        if check:
            checked = check_heapsnapshots(files, narrator)
            lines = [_checked_line(file) for file in checked]
            facts = [_facts(file) for file in checked]
        elif output is None:
            raise UsageError(
                "it is not said where to write", hint="add -o NAME.heapsnapshot, or -o DIRECTORY"
            )
        else:
            written = export_heapsnapshots(files, output, narrator)
            lines = [_written_line(file) for file in written]
            facts = [_facts(file) for file in written]
    if as_json:
        streams.write(json.dumps({"files": facts}, indent=2) + "\n")
    else:
        streams.write("".join(lines))


def _written_line(file: Written) -> str:
    from leakhunt.report import units

    words = f"{_counts(file)}, {units.size(file.file_bytes)}\n"
    if file.split_count:
        words += (
            f"  {units.plural(file.split_count, 'object')} of 4 GiB or more: the format has no"
            " such sizes, so the rest stands in nodes called (more bytes)\n"
        )
    return words


def _checked_line(file: Checked) -> str:
    from leakhunt.report import units

    words = f"{_counts(file)}, {units.size(file.self_bytes)} of objects: nothing is wrong\n"
    if not file.is_ours:
        words += "  not written by leakhunt: without its checksums, a moved edge goes unseen\n"
    return words


def _counts(file: Checked | Written) -> str:
    from leakhunt.report.escape import escape

    name = escape(str(file.path))
    return f"{name}: {file.node_count:,} nodes, {file.edge_count:,} edges"


def _facts(file: Checked | Written) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(file), "path": str(file.path)}
