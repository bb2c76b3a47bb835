"""``leakhunt whatif``: what would be freed if references went."""

from __future__ import annotations

from pathlib import Path

import click

from leakhunt.cli import output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName

_EXAMPLES = """\b
Examples:
  leakhunt whatif final.lkheap --cut 'shop.bus.BUS.listeners'
  leakhunt whatif final.lkheap --cut 'shop.CACHE[*]' --cut 'shop.INDEX[*]'
  leakhunt whatif snapshots/ --finding 1
  leakhunt whatif snapshots/report.json --finding 3f2a91bc5d7e8f01 --json

A path is written as in a report: a module, class or thread, then .attribute, ['key'], [*]
for every entry, {*} for every member of a set.
"""


@click.command(
    short_help="What would be freed if references went, and what keeps the rest.",
    epilog=_EXAMPLES,
)
@click.argument("file", type=FileName())
@click.option(
    "--cut",
    "cuts",
    multiple=True,
    metavar="PATH",
    help="A reference to take away; give it several times to take away several at once.",
)
@click.option(
    "--finding",
    metavar="RANK|FINGERPRINT",
    help="A finding of a saved hunt: the fewest references that free it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def whatif(file: Path, cuts: tuple[str, ...], finding: str | None, as_json: bool) -> ExitCode:
    """Say what would be freed if references of a snapshot went: bytes, objects and types,
    whatever hangs from them included; what would stay, and who else holds it.

    FILE is a snapshot, or the directory that leakhunt hunt --save filled.
    """
    from leakhunt.hunt import what_if

    report = what_if(file, cuts, finding)
    if as_json:
        from leakhunt.report.whatif_json import whatif_to_json

        streams.write(whatif_to_json(report) + "\n")
    else:
        from leakhunt.report.text.whatif_screen import render_whatif

        streams.write(render_whatif(report, output.text_options()))
    return ExitCode.NO_LEAK
