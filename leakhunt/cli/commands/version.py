"""``leakhunt version``: what this is, and which formats it speaks."""

from __future__ import annotations

import json
import platform

import click

from leakhunt import __version__
from leakhunt.cli import streams


@click.command(short_help="Versions of the tool, its file format and its report schema.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def version(as_json: bool) -> None:
    """Print the versions of leakhunt, of the snapshot format and of the report schema."""
    from leakhunt.agent import format as snapshot_format
    from leakhunt.report.schema import SCHEMA

    number = f"{snapshot_format.VERSION_MAJOR}.{snapshot_format.VERSION_MINOR}"
    facts = {
        "leakhunt": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "snapshot_format": number,
        "report_schema": SCHEMA,
    }
    if as_json:
        streams.write(json.dumps(facts, indent=2) + "\n")
        return
    lines = (f"{name.replace('_', ' '):<16} {value}\n" for name, value in facts.items())
    streams.write("".join(lines))
