"""The one bridge from the command line to the terminal interface (docs/decisions/0001)."""

from __future__ import annotations

from collections.abc import Sequence


def show(sources: Sequence[str]) -> int:
    """Show a case until the person leaves, and the exit code: only here is Textual imported.

    Raises LeakhuntError: there is nothing to show, or no terminal.
    """
    from leakhunt.tui import run_tui

    return run_tui(sources)


def require_terminal() -> None:
    """Raises UsageError when there is no terminal to show anything on."""
    from leakhunt import tui

    tui.require_terminal()
