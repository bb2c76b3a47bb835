"""The terminal interface: walk from the growth to the line that holds it.

A sibling of ``cli`` and ``pytest_plugin``: it knows neither.  Textual is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Sequence


def run_tui(sources: Sequence[str]) -> int:
    """Look at a saved hunt, at one to three snapshots, or at a process (its number), until the
    person leaves: 0, or 128 and the number of the signal that ended it.

    Raises LeakhuntError: nothing of the kind is there, it cannot be read, or there is no
    terminal to draw on.
    """
    from leakhunt.tui.run import run

    return run(sources)


def require_terminal() -> None:
    """Raises UsageError when there is no terminal to draw on, before work is done for nothing."""
    from leakhunt.tui.run import check_terminal

    check_terminal()
