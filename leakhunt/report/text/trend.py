"""A trend for people: what there was more of in every step, as two tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from leakhunt.analysis.trend.results import HolderTrend, Trend, TypeTrend
from leakhunt.analysis.trend.slope import Slope
from leakhunt.report import units
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import (
    HOLDER_STYLE,
    LABEL_STYLE,
    MARGIN,
    QUIET,
    STRONG,
    Sheet,
    TextOptions,
)

_GAP: Final = 2
_NAME_WIDTH: Final = 24
"""What is left to names, before the last columns are left out."""


def render_trend(trend: Trend, options: TextOptions | None = None) -> str:
    """The screen of a trend, as ``render_text`` draws that of a report."""
    sheet = Sheet(options or TextOptions())
    return draw(sections(trend, sheet), sheet)


def sections(trend: Trend, sheet: Sheet) -> list[list[RenderableType]]:
    """The heading with the rate of the whole heap, the holders, the types, the notes."""
    shown = [[_heading(trend, sheet)]]
    holders = _holders(trend, sheet)
    types = _types(trend, sheet)
    if holders:
        shown[0] += holders
    if types:
        shown.append(types)
    if not holders and not types:
        shown[0].append(sheet.paragraph(Text("Nothing grew in every step.")))
    if trend.notes:
        shown.append([sheet.paragraph(Text(sheet.sentence(note), QUIET)) for note in trend.notes])
    return shown


def _heading(trend: Trend, sheet: Sheet) -> RenderableType:
    text = Text()
    text.append("Trend", style=STRONG)
    runs = len({point.run for point in trend.points})
    where = f"  {len(trend.points):,} snapshots"
    if runs > 1:
        where += f" of {runs:,} processes"
    if trend.unit != "snapshot":
        first, last = trend.points[0].x, trend.points[-1].x
        where += f", {units.count(first)} to {units.count(last)} {trend.unit}s"
    text.append(where, style=QUIET)
    rate = units.size(trend.bytes_slope.rate, signed=True)
    count = units.count(trend.objects_slope.rate, signed=True)
    fit = f"{_square(sheet)} {_r2(trend.bytes_slope)}"
    text.append(f": {rate}, {count} objects per {trend.unit} ({fit})")
    return sheet.paragraph(text)


def _r2(slope: Slope) -> str:
    return "-" if slope.r2 is None else f"{slope.r2:.3f}"


def _holders(trend: Trend, sheet: Sheet) -> list[RenderableType]:
    options = sheet.options
    shown = trend.holders if options.show_all else trend.holders[: options.top]
    if not shown:
        return []
    rows = [
        (
            one.path,
            _change(one.values, one.unit, sheet),
            _rate(one.slope.rate, one.unit),
            units.size(one.bytes_slope.rate, signed=True),
            _r2(one.slope),
        )
        for one in shown
    ]
    title = ("holder", "first to last", f"per {trend.unit}", "bytes", _square(sheet))
    lines = _table(title, rows, sheet, HOLDER_STYLE)
    lines += [sheet.paragraph(Text(_aside(one, sheet), QUIET)) for one in shown if _asides(one)]
    return [*lines, *_rest(len(trend.holders) - len(shown), "holder", sheet)]


def _asides(one: HolderTrend) -> bool:
    return one.noise is not None or bool(one.drained and one.drained > 0)


def _aside(one: HolderTrend, sheet: Sheet) -> str:
    """What takes weight from a row."""
    words = []
    if one.noise is not None:
        words.append(one.noise)
    if one.drained is not None and one.drained > 0:
        words.append(f"{one.drained:,} {one.unit} went when the load stopped: a backlog is part")
    return sheet.sentence(f"{one.path}: {'; '.join(words)}")


def _types(trend: Trend, sheet: Sheet) -> list[RenderableType]:
    options = sheet.options
    shown: Sequence[TypeTrend] = trend.types if options.show_all else trend.types[: options.top]
    if not shown:
        return []
    rows = [
        (
            one.type,
            _change(one.counts, "objects", sheet),
            _rate(one.count_slope.rate, "objects"),
            units.size(one.bytes_slope.rate, signed=True),
            _r2(one.count_slope),
        )
        for one in shown
    ]
    title = ("type", "first to last", f"per {trend.unit}", "bytes", _square(sheet))
    lines = _table(title, rows, sheet, "")
    return [*lines, *_rest(len(trend.types) - len(shown), "type", sheet)]


def _square(sheet: Sheet) -> str:
    return "r2" if sheet.options.ascii_only else "r²"


def _rest(count: int, what: str, sheet: Sheet) -> list[RenderableType]:
    if count <= 0:
        return []
    more = units.plural(count, f"more {what}")
    return [sheet.paragraph(Text(f"{more}: --top N or --all", QUIET))]


def _change(values: Sequence[int], unit: str, sheet: Sheet) -> str:
    arrow = f" {sheet.symbols.arrow} "
    if unit == "bytes":
        return arrow.join(units.size(one) for one in (values[0], values[-1]))
    return arrow.join(units.count(one) for one in (values[0], values[-1])) + f" {unit}"


def _rate(rate: float, unit: str) -> str:
    return units.size(rate, signed=True) if unit == "bytes" else units.count(rate, signed=True)


_Row = tuple[str, str, str, str, str]


def _table(title: _Row, rows: Sequence[_Row], sheet: Sheet, style: str) -> list[RenderableType]:
    """Lines of a table whose first column gives way on a narrow page, then the last ones."""
    widths = [max(cell_len(row[i]) for row in (title, *rows)) for i in range(1, 5)]
    longest = max(cell_len(sheet.name(row[0])) for row in rows)
    while len(widths) > 2 and _room(widths, sheet) < min(longest, _NAME_WIDTH):
        widths.pop()
    first = min(longest, _room(widths, sheet))
    lines: list[RenderableType] = []
    for number, row in enumerate((title, *rows)):
        name = row[0] if number == 0 else sheet.fit(row[0], first)
        line = Text(" " * MARGIN, no_wrap=True, overflow="crop")
        line.append(name, style=LABEL_STYLE if number == 0 else style)
        line.append(" " * (first - cell_len(name)))
        for cell, width in zip(row[1:], widths, strict=False):
            blanks = " " * (width - cell_len(cell) + _GAP)
            line.append(blanks + cell, style=LABEL_STYLE if number == 0 else "")
        lines.append(line)
    return lines


def _room(widths: Sequence[int], sheet: Sheet) -> int:
    """What columns of these widths leave to the first one."""
    return sheet.width - MARGIN - sum(width + _GAP for width in widths)
