"""``leakhunt bill``: what the memory of a process consists of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from leakhunt.cli import live_options, output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName
from leakhunt.cli.progress import Narrator
from leakhunt.errors import UsageError

_EXAMPLES = """\b
Examples:
  leakhunt bill 4242
  leakhunt bill 4242 --json
  leakhunt bill 4242 --trim
  leakhunt bill out/ --all
  leakhunt bill morning.lkheap evening.lkheap
"""


@click.command(short_help="What the memory of a process consists of.", epilog=_EXAMPLES)
@click.argument("target", type=FileName(), metavar="PID|FILE")
@click.argument("later", type=FileName(), metavar="[LATER]", required=False)
@click.option("--trim", is_flag=True, help="Have malloc give back what it holds free, afterwards.")
@click.option("--all", "show_all", is_flag=True, help="Say where each figure comes from.")
@click.option("--json", "as_json", is_flag=True, help="Print the bill as JSON.")
@live_options.bill_options
def bill(
    target: Path, later: Path | None, trim: bool, show_all: bool, as_json: bool, **arguments: Any
) -> ExitCode:
    """Divide the resident memory of a process into live Python objects, garbage that waits for the
    collector, free memory that allocators keep, native memory, mapped files, thread stacks, and
    what stays unexplained.

    A live process is attached to, and a snapshot is taken and thrown away. FILE is a snapshot, or
    the directory that leakhunt hunt --save filled. With LATER, and of a directory, it says too by
    what the process grew in between.

    --trim asks glibc's malloc in the process to give free memory back to the kernel (malloc_trim):
    what the resident memory then falls by was held free, and used by nobody. Malloc is locked for
    some milliseconds a GiB.
    """
    from leakhunt.hunt.bill import bill_of_file, bill_of_process

    words = str(target)
    if words.isdecimal() and words.isascii():
        if later is not None:
            raise UsageError(
                f"process {words} and {str(later)!r} do not go together",
                hint="compare two snapshots: leakhunt snapshot takes them",
            )
        with Narrator() as narrator:
            report = bill_of_process(int(words[:12]), narrator, trim=trim, **arguments)
    elif trim:
        raise UsageError("--trim is for a live process", hint="give its number instead of a file")
    else:
        report = bill_of_file(target) if later is None else bill_of_file(later, target)
    if as_json:
        from leakhunt.report.bill_model import bill_to_json

        streams.write(bill_to_json(report) + "\n")
    else:
        from dataclasses import replace

        from leakhunt.report.text.bill_screen import render_bill

        streams.write(render_bill(report, replace(output.text_options(), show_all=show_all)))
    return ExitCode.NO_LEAK
