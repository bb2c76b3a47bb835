"""Open the screen, when there is something to show and a terminal to show it on."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from typing import Final

from leakhunt.errors import UsageError
from leakhunt.tui.leaving import LET_GO_S, end_within, wait_while
from leakhunt.tui.model.open import case_of

LEAST_COLUMNS: Final = 60
LEAST_LINES: Final = 16
_INTERNAL: Final = 70
"""A mistake of ours, which Textual has shown (EX_SOFTWARE of sysexits.h)."""
_SILENT_S: Final = 0.3
"""Letting go of a process takes longer only amid a snapshot."""
_GRACE_S: Final = 0.5
"""For whoever called us to clean up, while a thread still computes for nobody."""


def run(sources: Sequence[str]) -> int:
    """Show a case until the person leaves; 128 and the number of the signal that ended it, or 0.

    Raises LeakhuntError.
    """
    check_terminal()
    gc.disable()  # until the first paint
    case, said = case_of(sources)
    from leakhunt.tui.app import LeakhuntApp

    app = LeakhuntApp(case, said=said, at_rest=spare_the_collector)
    del case  # it is the application's, which may show another one
    app.run()
    code = _INTERNAL if app.return_code == 1 else app.return_code or 0
    if not wait_while(lambda: app.is_inside, _SILENT_S):
        with contextlib.suppress(OSError):  # the terminal may be gone
            sys.stderr.write(f"letting go of process {app.case.pid} ...\n")
        wait_while(lambda: app.is_inside, LET_GO_S)
    if app.is_busy:
        end_within(_GRACE_S, code)
    if app.failure is not None:
        raise app.failure
    return code


def spare_the_collector(has_given_up: bool) -> None:
    """What is there now stays until the end, or until another hunt is shown: a collection amid a
    key need not look at it all.

    ``has_given_up``: a case went since.  Workers that were at it are on reference cycles, which
    stay while they are frozen, and a heap is large.
    """
    if has_given_up:
        gc.unfreeze()
        gc.collect()
    gc.freeze()
    gc.enable()


def check_terminal() -> None:
    """Raises UsageError: there is no terminal, or one that nothing can be drawn on."""
    hint = "leakhunt diff, paths and whatif say the same as text"
    # Textual reads keys from stdin and draws on stderr: stdout may go elsewhere.
    if not (os.isatty(0) and os.isatty(2)):
        raise UsageError("there is no terminal to draw on", hint=hint)
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise UsageError(
            f"the terminal is called {os.environ.get('TERM', '')!r}: nothing can be drawn on it",
            hint="set TERM to what it is, for instance xterm-256color",
        )
    size = os.get_terminal_size(2)
    if size.columns < LEAST_COLUMNS or size.lines < LEAST_LINES:
        raise UsageError(
            f"the terminal has {size.columns} columns and {size.lines} lines",
            hint=f"at least {LEAST_COLUMNS} by {LEAST_LINES} are needed: enlarge it",
        )
