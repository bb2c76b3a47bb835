"""What grows: the table of types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from leakhunt.analysis.results import GrowthRow
from leakhunt.report import units
from leakhunt.report.growth_order import growing, ordered
from leakhunt.report.model import Report
from leakhunt.report.text.sheet import LABEL_STYLE, MARGIN, QUIET, STRONG, Sheet

_GAP: Final = 2
_TYPE_WIDTH: Final = 22
"""What numbers leave to the type on a narrow page."""
_LONG_TYPE: Final = 48
_LESSER: Final = 10
"""Columns of this priority and above come only when every type has the room it needs."""


@dataclass(frozen=True, slots=True)
class Column:
    """One number of a growth row."""

    title: str
    group: str
    value: Callable[[GrowthRow], int]
    priority: int
    """Low numbers are kept when the page is narrow; equal ones come and go together."""
    key: str = ""
    """The sort key this column shows."""
    is_size: bool = False
    signed: bool = False

    def cell(self, row: GrowthRow, nothing: str) -> str:
        """The number in a few characters; ``nothing`` stands for zero."""
        amount = self.value(row)
        if amount == 0:
            return nothing
        short = units.short_size if self.is_size else units.short_count
        return short(amount, signed=self.signed)


_COLUMNS: Final = (
    Column("B", "objects", lambda r: r.count_baseline, 2),
    Column("L", "objects", lambda r: r.count_loaded, 2),
    Column("F", "objects", lambda r: r.count_final, 2),
    Column("change", "objects", lambda r: r.count_delta, 11, key="count", signed=True),
    Column("B", "bytes", lambda r: r.bytes_baseline, 12, is_size=True),
    Column("L", "bytes", lambda r: r.bytes_loaded, 12, is_size=True),
    Column("F", "bytes", lambda r: r.bytes_final, 12, key="final", is_size=True),
    Column("change", "bytes", lambda r: r.bytes_delta, 1, key="size", is_size=True, signed=True),
    Column("born", "", lambda r: r.born, 3, key="born"),
    Column("departed", "", lambda r: r.departed, 8, key="departed"),
    Column("resized", "", lambda r: r.resized_bytes, 5, key="resized", is_size=True, signed=True),
    Column("transient", "", lambda r: r.transient, 7, key="transient"),
    Column("garbage", "", lambda r: r.garbage, 4, key="garbage"),
    Column("late", "", lambda r: r.late, 13, key="late"),
    Column("unreached", "", lambda r: r.unreached, 6, key="unreached"),
)

_NEEDS_LOADED: Final = ("L", "transient", "late", "garbage")


def section(report: Report, sheet: Sheet) -> list[RenderableType]:
    """A heading, the table, and a line on what is not shown; empty when nothing grew."""
    options = sheet.options
    every = options.show_all
    rows = ordered(report.growth, options.sort) if every else growing(report.growth, options.sort)
    shown = rows if every else rows[: options.top]
    if not shown:
        return []
    return [
        _heading(len(shown), len(rows), sheet),
        *_table(shown, sheet, columns_of(report)),
        *_footer(shown, rows, report, sheet),
    ]


def _heading(shown: int, total: int, sheet: Sheet) -> Text:
    what = "name" if sheet.options.sort == "type" else sheet.options.sort
    number = f"{total:,}" if shown == total else f"{shown:,} of {total:,}"
    types = "type" if total == 1 else "types"
    text = Text(" " * MARGIN)
    text.append("What grows", style=STRONG)
    text.append(f"  {number} {types}, by {what}", style=QUIET)
    return text


def columns_of(report: Report) -> Sequence[Column]:
    """Every column, or those that a comparison without a loaded snapshot can fill."""
    if _has_loaded(report):
        return _COLUMNS
    return [column for column in _COLUMNS if column.title not in _NEEDS_LOADED]


def _has_loaded(report: Report) -> bool:
    return any(snapshot.label == "loaded" for snapshot in report.snapshots)


def _table(rows: Sequence[GrowthRow], sheet: Sheet, every: Sequence[Column]) -> list[Text]:
    columns = _chosen(rows, sheet, every)
    widths = {column: _width(column, rows, sheet) for column in columns}
    numbers = sum(width + _GAP for width in widths.values())
    longest = max(cell_len(sheet.name(row.type)) for row in rows)
    type_width = min(longest, sheet.width - MARGIN - numbers)
    lines = [_groups(columns, widths, type_width), _titles(columns, widths, type_width)]
    for row in rows:
        name = sheet.fit(row.type, type_width)
        line = Text(" " * MARGIN + name + " " * (type_width - cell_len(name)))
        for column in columns:
            cell = column.cell(row, sheet.symbols.nothing).rjust(widths[column] + _GAP)
            line.append(cell, style=_cell_style(column, row))
        lines.append(line)
    for line in lines:
        line.no_wrap, line.overflow = True, "crop"
    return lines


def _cell_style(column: Column, row: GrowthRow) -> str:
    if column.value(row) == 0:
        return QUIET
    return STRONG if column.title == "change" else ""


def _chosen(rows: Sequence[GrowthRow], sheet: Sheet, every: Sequence[Column]) -> list[Column]:
    """The columns that fit, those with nothing to say left out."""
    sort = sheet.options.sort
    telling = [c for c in every if c.key == sort or any(c.value(row) for row in rows)]
    longest = min(max(cell_len(sheet.name(row.type)) for row in rows), _LONG_TYPE)
    room = sheet.width - MARGIN
    chosen: list[Column] = []
    for priority in sorted({0, *(column.priority for column in telling)}):
        together = [c for c in telling if (0 if c.key == sort else c.priority) == priority]
        width = sum(_width(column, rows, sheet) + _GAP for column in together)
        if width <= room - (longest if priority >= _LESSER else _TYPE_WIDTH):
            chosen += together
            room -= width
    return [column for column in _COLUMNS if column in chosen]


def _width(column: Column, rows: Sequence[GrowthRow], sheet: Sheet) -> int:
    cells = (column.cell(row, sheet.symbols.nothing) for row in rows)
    return max(len(column.title), *map(len, cells))


def _groups(columns: list[Column], widths: dict[Column, int], type_width: int) -> Text:
    """The line above the titles: which columns count objects, which bytes."""
    line = " " * (MARGIN + type_width)
    for group in dict.fromkeys(column.group for column in columns):
        width = sum(widths[column] + _GAP for column in columns if column.group == group)
        line += group.rjust(width)
    return Text(line.rstrip(), style=LABEL_STYLE)


def _titles(columns: list[Column], widths: dict[Column, int], type_width: int) -> Text:
    line = " " * MARGIN + "type".ljust(type_width)
    for column in columns:
        line += column.title.rjust(widths[column] + _GAP)
    return Text(line, style=LABEL_STYLE)


def _footer(
    shown: Sequence[GrowthRow], rows: Sequence[GrowthRow], report: Report, sheet: Sheet
) -> list[RenderableType]:
    words = []
    if rest := rows[len(shown) :]:
        more = units.size(sum(row.bytes_delta for row in rest), signed=True)
        words.append(f"{units.plural(len(rest), 'more type')} ({more}): --top N or --all.")
    letters = "B baseline, L loaded, F final" if _has_loaded(report) else "B baseline, F final"
    words.append(f"{letters}; K, M, G are KiB, MiB, GiB.")
    return [sheet.paragraph(Text(" ".join(words), style=QUIET))]
