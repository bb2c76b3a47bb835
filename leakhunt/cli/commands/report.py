"""``leakhunt report``: a report as a document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from leakhunt.cli import streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakhunt.report.accepted import Accepted

_STANDARD_OUTPUT = Path("-")
_EXAMPLES = """\b
Examples:
  leakhunt report out/ -o leak.html
  leakhunt report report.json --format markdown > issue.md
  leakhunt hunt --scenario checkout.py --json | leakhunt report /dev/stdin -o leak.html

The HTML file needs nothing else: no script, no network. Files are readable by you only.
"""


@click.command(short_help="A report as text, Markdown or one HTML file.", epilog=_EXAMPLES)
@click.argument("source", type=FileName(), metavar="FILE|DIR")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(("text", "markdown", "html")),
    help="What to write.  [default: by the name of the output; text]",
)
@click.option(
    "--output", "-o", type=FileName(), metavar="PATH", help="Where to.  [default: standard output]"
)
@click.option(
    "--baseline",
    "known_file",
    type=FileName(),
    metavar="FILE",
    help="Known leaks (leakhunt accept): shown as such.",
)
def report(
    source: Path, file_format: str | None, output: Path | None, known_file: Path | None
) -> ExitCode:
    """Write a report as a document that can be kept or sent.

    FILE is what `leakhunt hunt --json` wrote, DIR what `leakhunt hunt --save` filled. Every
    finding is in it in full. The exit code is 0 whatever the report says.
    """
    from leakhunt.hunt.document import format_of, write_document
    from leakhunt.report.escape import escape

    if output == _STANDARD_OUTPUT:
        output = None
    document = write_document(source, file_format or format_of(output), _known(known_file))
    if output is None:
        streams.write(document.text)
    else:
        document.save(output)
        streams.narrate(f"{escape(str(output))}: the report as {document.file_format}\n")
    return ExitCode.NO_LEAK


def _known(path: Path | None) -> Mapping[str, Accepted]:
    if path is None:
        return {}
    from leakhunt.hunt.known import read_known

    return read_known(path)
