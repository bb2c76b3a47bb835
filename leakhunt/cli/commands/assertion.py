"""``leakhunt assertion``: a test that fails while a finding leaks."""

from __future__ import annotations

from pathlib import Path

import click

from leakhunt.cli import streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName

_EXAMPLES = """\b
Examples:
  leakhunt assertion out/ --finding 1
  leakhunt assertion report.json --finding aa6dae0c -o tests/test_bus.py
"""


@click.command(short_help="A pytest test that fails while a finding leaks.", epilog=_EXAMPLES)
@click.argument("source", type=FileName(), metavar="FILE|DIR")
@click.option(
    "--finding",
    default="1",
    show_default=True,
    metavar="N",
    help="The finding: its number, or how its fingerprint begins.",
)
@click.option(
    "--output",
    "-o",
    type=FileName(),
    metavar="PATH",
    help="A new file.  [default: standard output]",
)
def assertion(source: Path, finding: str, output: Path | None) -> ExitCode:
    """Write a test that fails as long as a finding of a report leaks.

    FILE is what `leakhunt hunt --json` wrote, DIR what `leakhunt hunt --save` filled. Of a hunt of
    a scenario the test runs the scenario's cycles; of a live hunt it is skipped until one cycle of
    the load is written into it. It needs leakhunt where it runs: its pytest plugin judges it.
    """
    from leakhunt.hunt.assertion import write_assertion
    from leakhunt.report.escape import escape

    written = write_assertion(source, finding, beside=output)
    if output is None:
        streams.write(written.text)
        return ExitCode.NO_LEAK
    written.save(output)
    more = "" if written.is_complete else "; write one cycle of the load into it"
    streams.narrate(f"{escape(str(output))}: a test for finding {escape(finding)}{more}\n")
    return ExitCode.NO_LEAK
