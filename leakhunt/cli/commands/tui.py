"""``leakhunt tui``: walk from the growth to the line that holds it."""

from __future__ import annotations

import click

from leakhunt.cli.screen import show

_EXAMPLES = """\b
Examples:
  leakhunt hunt --scenario checkout.py --save out && leakhunt tui out
  leakhunt tui out/baseline.lkheap out/loaded.lkheap out/final.lkheap
  leakhunt tui final.lkheap
  leakhunt tui 4242

Keys are shown at the bottom; ? lists them all.
"""


@click.command(short_help="Walk a case in the terminal.", epilog=_EXAMPLES)
@click.argument("sources", nargs=-1, required=True, metavar="DIR|FILES|PID")
def tui(sources: tuple[str, ...]) -> int:
    """Look at a case in the terminal: its findings, what grew, who holds an object, what a cut
    would free.

    Give the directory that leakhunt hunt --save filled, one to three snapshots (baseline,
    loaded, final), or the number of a process. Marks and notes are kept beside the case.
    """
    return show(sources)
