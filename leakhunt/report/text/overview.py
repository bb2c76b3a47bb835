"""Several findings at a glance: a line each, above the details."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from leakhunt.detectors.base import Finding
from leakhunt.report import units
from leakhunt.report.model import Report
from leakhunt.report.text import findings
from leakhunt.report.text.sheet import (
    HOLDER_STYLE,
    LABEL_STYLE,
    MARGIN,
    STRONG,
    Sheet,
)

_SHOWN: Final = 20
_GAP: Final = 2
_HOLDER: Final = 2
"""Its column: the one that gives way on a narrow page."""
_HOLDER_WIDTH: Final = 12
"""What is left to it at least."""

_Cells = tuple[str, str, str, str, str, str]
_HEADINGS: Final[_Cells] = ("", "", "holder", "category", "per cycle", "frees")
_NUMBERS: Final = (0, 4, 5)
"""Columns of numbers, which are aligned at their right."""


def section(report: Report, sheet: Sheet) -> list[RenderableType]:
    """A table of the findings that deserve detail; empty when there are not at least two."""
    ranked = sorted(report.findings, key=lambda finding: finding.rank)
    found = [one for one in ranked if findings.deserves_detail(one)]
    if len(found) < 2:
        return []
    shown = found if sheet.options.show_all else found[:_SHOWN]
    rows = [_cells(finding, sheet) for finding in shown]
    widths = _widths([_HEADINGS, *rows], sheet)
    lines: list[RenderableType] = [_line(_HEADINGS, widths, sheet, None)]
    lines += [_line(row, widths, sheet, one) for row, one in zip(rows, shown, strict=True)]
    if rest := len(found) - len(shown):
        lines.append(Text(f"{' ' * MARGIN}and {rest:,} more", style=LABEL_STYLE))
    return lines


def _cells(finding: Finding, sheet: Sheet) -> _Cells:
    amount = finding.bytes_per_cycle
    freed = finding.retained_bytes
    return (
        str(finding.rank),
        findings.verdict_word(finding),
        sheet.name(finding.holder.path),
        str(finding.category),
        "" if amount is None else units.size(amount, signed=True),
        "" if freed is None else units.size(freed),
    )


def _widths(rows: list[_Cells], sheet: Sheet) -> dict[int, int]:
    """Width of each column that holds anything."""
    used = [i for i in range(len(_HEADINGS)) if any(row[i] for row in rows[1:])]
    widths = {i: max(cell_len(row[i]) for row in rows) for i in used}
    room = sheet.width - MARGIN - sum(w + _GAP for i, w in widths.items() if i != _HOLDER)
    return {**widths, _HOLDER: min(widths[_HOLDER], max(room, _HOLDER_WIDTH))}


def _line(row: _Cells, widths: dict[int, int], sheet: Sheet, finding: Finding | None) -> Text:
    line = Text(" " * MARGIN, no_wrap=True, overflow="crop")
    for number, (i, width) in enumerate(widths.items()):
        cell = sheet.fit(row[i], width) if i == _HOLDER else row[i]
        blanks = " " * (width - cell_len(cell))
        before, after = (blanks, "") if i in _NUMBERS else ("", blanks)
        line.append(" " * (_GAP if number else 0) + before)
        line.append(cell, style=_style(i, finding))
        line.append(after)
    line.rstrip()
    return line


def _style(column: int, finding: Finding | None) -> str:
    if finding is None:
        return LABEL_STYLE
    by_column = {0: STRONG, 1: findings.verdict_style(finding), _HOLDER: HOLDER_STYLE}
    return by_column.get(column, "")
