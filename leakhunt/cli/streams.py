"""Stdout and stderr: who reads them, what they can show, and what if nobody reads any more."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import IO

from leakhunt.errors import UsageError
from leakhunt.report.escape import escape

_MESSAGE_LIMIT = 2_000


def make_writable() -> None:
    """A closed stream becomes the null device, a character it cannot encode an escape.

    A standard descriptor that is closed would else be given to the next file that is opened.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, _null_device(number, mode))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write(text: str) -> bool:
    """Data to stdout; whether somebody still reads it. A reader that went away (``| head``) has
    seen enough: not an error.

    Raises:
        UsageError: stdout cannot take the data (a full disk).
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _to_nowhere(sys.stdout)
        return False
    except (OSError, ValueError) as error:
        _to_nowhere(sys.stdout)
        raise UsageError(
            f"cannot write to the standard output: {error}",
            hint="send it to a file on a disk with free space",
        ) from error
    return True


def complain(message: str, hint: str) -> None:
    """``error: ...`` and ``hint: ...`` on stderr."""
    lines = f"error: {escape(message, limit=_MESSAGE_LIMIT)}\n"
    if hint:
        lines += f"hint: {escape(hint, limit=_MESSAGE_LIMIT)}\n"
    narrate(lines)


def narrate(text: str) -> None:
    """Narration to stderr; lost without a word when nobody reads it."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        _to_nowhere(sys.stderr)


def flush() -> None:
    """Nothing may be left for the interpreter to fail on when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _to_nowhere(stream)


def is_terminal(stream: IO[str]) -> bool:
    """Whether a person watches this stream."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def wants_color(stream: IO[str]) -> bool:
    """Colour for terminals only, none with NO_COLOR or on a dumb one; FORCE_COLOR overrides."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM", "") not in ("", "dumb")


def is_ascii_only(stream: IO[str]) -> bool:
    """Whether the stream's encoding lacks the characters we draw with."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        "\N{BOX DRAWINGS LIGHT HORIZONTAL}\N{RIGHTWARDS ARROW}".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def width() -> int:
    """Columns of stdout's terminal; COLUMNS when it is set, 80 when there is no terminal."""
    import shutil  # brings compressors, and who writes lines needs no width

    return shutil.get_terminal_size((80, 24)).columns


def _null_device(number: int, mode: str) -> IO[str]:
    """The null device, opened as the descriptor ``number``."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)
    return open(number, mode, encoding="utf-8", closefd=False)


def _to_nowhere(stream: IO[str]) -> None:
    """Further writes, and the flush when the interpreter ends, go to the null device."""
    with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
