"""What the exit code of ``leakhunt`` says."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakhunt.errors import LeakhuntError
    from leakhunt.report.model import Report


class ExitCode(IntEnum):
    """0 to 3 are answers; 70 and above say that there is none."""

    NO_LEAK = 0
    LEAK = 1
    """A LEAK; with ``--strict`` a SUSPECT too."""
    USAGE = 2
    """The request or its input is bad."""
    TARGET = 3
    """The target failed or is out of reach, or the result is only partial."""
    INTERNAL = 70
    """A mistake of leakhunt's own (EX_SOFTWARE of sysexits.h)."""
    HUNG_UP = 129
    """The terminal went away: 128 + SIGHUP."""
    INTERRUPTED = 130
    """Ctrl-C: 128 + SIGINT."""
    TERMINATED = 143
    """128 + SIGTERM."""


def of_report(report: Report, *, strict: bool) -> ExitCode:
    """The exit code of a whole or partial result."""
    if report.errors:
        return ExitCode.TARGET
    bad = ("LEAK", "SUSPECT") if strict else ("LEAK",)
    return ExitCode.LEAK if report.verdict in bad else ExitCode.NO_LEAK


def of_error(error: LeakhuntError) -> ExitCode:
    """The exit code of an error that left no result."""
    from leakhunt.errors import MemoryNeedError, TargetError

    is_beyond = isinstance(error, (TargetError, MemoryNeedError))
    return ExitCode.TARGET if is_beyond else ExitCode.USAGE
