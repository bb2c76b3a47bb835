"""Lines of the target's source around a line of code, read on the tool's side.

A file says what runs only if it is still the one that was imported. That cannot be proven, but
two things disprove it: it was changed after the process had started, or the function is not at
that line.
"""

from __future__ import annotations

import ast
import datetime as dt
import os
import stat
import time
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from leakhunt.analysis.code_line import CodeLine
from leakhunt.hunt.case import SavedCase
from leakhunt.hunt.inputs import mapping_of

_MOST_BYTES = 4 << 20
"""Larger files are no source that somebody reads."""
_SLACK = dt.timedelta(seconds=1)
"""Clocks of files and of processes are not the same one."""


@dataclass(frozen=True, slots=True)
class SourceLines:
    """A few lines of a file, as text that is not escaped."""

    path: Path
    first: int
    """Number of the first of ``lines``."""
    lines: tuple[str, ...]
    """Without line ends; none when the file cannot be read."""
    at: int | None
    """Number of the line that was asked for."""
    note: str = ""
    """Why there are no lines, or why they may not be what ran; "" when nothing speaks against."""
    is_what_ran: bool = True
    """False when it is known that another version ran, or nothing could be read."""


class Sources:
    """Source files of one program, each read once."""

    def __init__(self, started: dt.datetime | None = None) -> None:
        """``started``: when the process began; None when that is not known."""
        self._started = started
        self._file_by_path: dict[str, _File] = {}

    @classmethod
    def of_header(cls, header: Mapping[str, Any]) -> Sources:
        """For the process of a snapshot's header."""
        return cls(_started(header))

    @classmethod
    def of_case(cls, case: SavedCase) -> Sources:
        """For the process of a saved hunt.  Raises SnapshotError when its file is damaged."""
        from leakhunt.hunt.heaps import open_columns

        return cls.of_header(open_columns(next(iter(case.files.values()))).header)

    def around(self, place: CodeLine, *, lines: int = 3) -> SourceLines:
        """The line and so many on each side.  Raises nothing: the note says what is missing."""
        path = Path(place.file)
        file = self._file_by_path.get(place.file)
        if file is None:
            file = self._file_by_path[place.file] = _read(path)
        if file.problem:
            return SourceLines(path, 1, (), place.line, file.problem, is_what_ran=False)
        note = self._doubt(file, place)
        if place.line is None or not 0 < place.line <= len(file.lines):
            return SourceLines(path, 1, (), place.line, note, is_what_ran=not note)
        first = max(place.line - lines, 1)
        shown = file.lines[first - 1 : place.line + lines]
        return SourceLines(path, first, shown, place.line, note, is_what_ran=not note)

    def _doubt(self, file: _File, place: CodeLine) -> str:
        started, changed = self._started, file.changed
        if started is not None and changed is not None and changed > started + _SLACK:
            return "The file was changed after the process had started: another version ran."
        if place.line is None:
            return ""
        if place.line > len(file.lines):
            return f"The file has {len(file.lines)} lines: another version ran."
        if not file.may_be_in(place.function, place.line):
            return f"Line {place.line} is not in {place.function} there: another version ran."
        return ""


@dataclass(frozen=True, slots=True)
class _File:
    lines: tuple[str, ...] = ()
    changed: dt.datetime | None = None
    spans: tuple[tuple[str, int, int], ...] | None = None
    """Name, first and last line of each function and class; None: it is not Python's."""
    problem: str = ""

    def may_be_in(self, function: str, line: int) -> bool:
        """Is the line in the innermost function of that name?  Names in brackets are not asked."""
        name = function.rpartition(".")[2]
        if self.spans is None or name.startswith("<") or not name.isidentifier():
            return True
        return any(name == one and first <= line <= last for one, first, last in self.spans)


def _read(path: Path) -> _File:
    if not path.is_absolute():
        return _File(problem="It cannot be read: it has no whole path.")
    try:
        # A name from a target may be that of a pipe, or of a device that does something.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return _File(problem="It cannot be read: it is no file.")
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as exc:
        return _File(problem=f"It cannot be read: {getattr(exc, 'strerror', None) or exc}.")
    if len(data) > _MOST_BYTES:
        return _File(problem="It is not read: it is too large for a source file.")
    changed = dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)
    return _File(tuple(_decoded(data).splitlines()), changed, _spans(data))


def _decoded(data: bytes) -> str:
    """As Python reads it, or as much as can be."""
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        return data.decode(encoding, "replace")
    except (SyntaxError, LookupError):
        return data.decode("utf-8", "replace")


def _spans(data: bytes) -> tuple[tuple[str, int, int], ...] | None:
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tuple(
        (node.name, _first_line(node), node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _started(header: Mapping[str, Any]) -> dt.datetime | None:
    """When the process of a header began: exactly while this machine still runs as it did then,
    else not later than the snapshot was taken."""
    process = mapping_of(header, "process")
    ticks, boot_id = process.get("start_ticks", ""), process.get("boot_id")
    try:
        if boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip():
            boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
            return dt.datetime.fromtimestamp(boot + int(ticks) / os.sysconf("SC_CLK_TCK"), dt.UTC)
    except (OSError, TypeError, ValueError, OverflowError):
        pass
    try:
        return dt.datetime.fromisoformat(str(header.get("created")))
    except ValueError:
        return None
