"""What became of each finding, as a screen for people."""

from __future__ import annotations

from collections import Counter
from typing import Final

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from leakhunt.detectors.verification import Change, Rates, Status
from leakhunt.report import units
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import (
    HOLDER_STYLE,
    LABEL_STYLE,
    MARGIN,
    QUIET,
    Sheet,
    TextOptions,
)
from leakhunt.report.verify_model import Verification

_STYLE_BY_STATUS: Final = {
    Status.FIXED: "bold green",
    Status.IMPROVED: "green",
    Status.UNCHANGED: "bold red",
    Status.UNKNOWN: "bold yellow",
    Status.WORSE: "bold red",
    Status.NEW: "bold red",
}
_GAP: Final = 2
_HOLDER, _CATEGORY, _OBJECTS = 1, 2, 3
"""Columns: the one that gives way on a narrow page, and those left out on a narrower one."""
_HOLDER_WIDTH: Final = 20


def render_verification(result: Verification, options: TextOptions | None = None) -> str:
    """The whole screen, lines ending in a line feed, no trailing blanks."""
    sheet = Sheet(options or TextOptions())
    parts = (_errors, _headline, _table, _notes)
    return draw([part(result, sheet) for part in parts], sheet)


def _errors(result: Verification, sheet: Sheet) -> list[RenderableType]:
    return [
        sheet.paragraph(Text("Partial result: ", "bold yellow").append(sheet.sentence(error)))
        for error in result.errors
    ]


def _headline(result: Verification, sheet: Sheet) -> list[RenderableType]:
    """Is it fixed, and the rate of the whole heap before and after."""
    text = Text()
    word, style = ("Fixed", "bold green") if result.is_fixed else ("Not fixed", "bold red")
    if result.is_fixed and not any(c.before is not None for c in result.changes):
        word = "No leak"
    text.append(word, style=style)
    counts = Counter(change.status for change in result.changes)
    said = [f"{counts[status]:,} {status}" for status in Status if counts[status]]
    text.append(f": {', '.join(said) or 'nothing leaked before, nothing leaks now'}. ")
    text.append(f"All objects: {_rate(result, sheet)} per cycle.")
    return [sheet.paragraph(text)]


def _rate(result: Verification, sheet: Sheet) -> str:
    rates = (result.before.rate_bytes, result.after.rate_bytes)
    return f" {sheet.symbols.arrow} ".join(units.size(one, signed=True) for one in rates)


_Row = tuple[str, str, str, str, str]


def _table(result: Verification, sheet: Sheet) -> list[RenderableType]:
    if not result.changes:
        return []
    title: _Row = ("", "holder", "category", "objects per cycle", "bytes per cycle")
    rows = [_cells(change, sheet) for change in result.changes]
    widths = {i: max(cell_len(row[i]) for row in (title, *rows)) for i in range(5)}
    for least in (_CATEGORY, _OBJECTS):
        if _room(widths, sheet) < min(widths[_HOLDER], _HOLDER_WIDTH):
            widths.pop(least)
    widths[_HOLDER] = min(widths[_HOLDER], _room(widths, sheet))
    lines: list[RenderableType] = [_line(title, widths, sheet, None)]
    lines += [_line(row, widths, sheet, c) for row, c in zip(rows, result.changes, strict=True)]
    return lines


def _room(widths: dict[int, int], sheet: Sheet) -> int:
    """What the other columns leave to the holder."""
    return sheet.width - MARGIN - sum(w + _GAP for i, w in widths.items() if i != _HOLDER)


def _cells(change: Change, sheet: Sheet) -> _Row:
    arrow = f" {sheet.symbols.arrow} "
    sides = (change.before, change.after)
    return (
        str(change.status),
        sheet.name(change.holder),
        str(change.category),
        arrow.join(_count(one) for one in sides),
        arrow.join(_bytes(one) for one in sides),
    )


def _count(rates: Rates | None) -> str:
    return "0" if rates is None else units.count(rates.count_per_cycle, signed=True)


def _bytes(rates: Rates | None) -> str:
    return "0 B" if rates is None else units.size(rates.bytes_per_cycle, signed=True)


def _line(row: _Row, widths: dict[int, int], sheet: Sheet, change: Change | None) -> Text:
    line = Text(" " * MARGIN, no_wrap=True, overflow="crop")
    for i, width in widths.items():
        shown = sheet.fit(row[i], width) if i == _HOLDER else row[i]
        style = LABEL_STYLE
        if change is not None:
            style = {0: _STYLE_BY_STATUS[change.status], _HOLDER: HOLDER_STYLE}.get(i, "")
        line.append(" " * (_GAP if i else 0))
        line.append(shown, style=style)
        line.append(" " * (width - cell_len(shown)))
    line.rstrip()
    return line


def _notes(result: Verification, sheet: Sheet) -> list[RenderableType]:
    return [sheet.paragraph(Text(sheet.sentence(note), QUIET)) for note in result.notes]
