"""The command line. Stdout carries data, stderr narration; exit codes are in exit_codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point of ``leakhunt``: see :func:`leakhunt.cli.app.main`.

    Apart from it only so that Ctrl-C while the rest is imported makes no traceback either.
    """
    try:
        from leakhunt.cli.app import main as run
    except KeyboardInterrupt:
        sys.stderr.write("\nerror: interrupted\n")
        return 130
    return run(arguments)
