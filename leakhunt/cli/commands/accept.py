"""``leakhunt accept``: leaks of a report that are known from now on."""

from __future__ import annotations

from pathlib import Path

import click

from leakhunt.cli import streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName

_EXAMPLES = """\b
Examples:
  leakhunt hunt --scenario checkout.py --json > report.json
  leakhunt accept report.json --into known.json --note "waits for release 4"
  leakhunt accept report.json --into known.json --fingerprint e75eaae7
  leakhunt hunt --scenario checkout.py --baseline known.json
"""


@click.command(short_help="Accept leaks of a report as known.", epilog=_EXAMPLES)
@click.argument("report", type=FileName())
@click.option(
    "--into",
    "known",
    type=FileName(),
    default=Path("known.json"),
    show_default=True,
    metavar="FILE",
    help="The file of known leaks; entries are added.",
)
@click.option(
    "--fingerprint",
    "fingerprints",
    multiple=True,
    metavar="HEX",
    help="Accept only this finding; may be given again.  [default: every LEAK and SUSPECT]",
)
@click.option("--note", default="", metavar="TEXT", help="Why it is accepted.")
@click.option("--json", "as_json", is_flag=True, help="Print what was added as JSON.")
def accept(
    report: Path, known: Path, fingerprints: tuple[str, ...], note: str, *, as_json: bool
) -> int:
    """Note findings of a report as known: REPORT is one as JSON, or the directory a hunt was
    saved in.

    With --baseline, later hunts show them as known, and only others decide the exit code.
    """
    import json
    from dataclasses import asdict

    from leakhunt.hunt.known import accept as accept_findings
    from leakhunt.report.escape import escape

    added = accept_findings(report, known, fingerprints=fingerprints, note=note)
    if as_json:
        streams.write(json.dumps([asdict(one) for one in added], indent=2) + "\n")
        return ExitCode.NO_LEAK
    lines = [f"{one.fingerprint}  {one.category:10}  {escape(one.holder)}" for one in added]
    lines.append(f"{len(added)} added to {known}" if added else "nothing to accept in this report")
    streams.write("\n".join(lines) + "\n")
    return ExitCode.NO_LEAK
