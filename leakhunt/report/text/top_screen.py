"""One look of ``leakhunt top``, as a screen for people."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from leakhunt.report import units
from leakhunt.report.text.bill import TITLE_BY_PART
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import LABEL_STYLE, QUIET, STRONG, Sheet, TextOptions
from leakhunt.report.top_model import TopReport, TopRow

_NUMBERS = (10, 10, 11, 12)
_HEADINGS = ("count", "bytes", "count/min", "bytes/min")
_WORTH_BYTES = 1 << 20


def render_top(report: TopReport, options: TextOptions | None = None) -> str:
    """The whole screen, lines ending in a line feed, no trailing blanks."""
    sheet = Sheet(options or TextOptions())
    return draw((_head(report, sheet), _table(report, sheet)), sheet)


def _head(report: TopReport, sheet: Sheet) -> list[RenderableType]:
    text = Text(f"process {report.pid}", style=STRONG)
    words = [f"{units.size(report.rss_bytes)} resident"]
    if report.rss_per_min is not None:
        words[0] += f" ({units.size(report.rss_per_min, signed=True)}/min)"
    words.append(units.plural(report.objects, "object"))
    words.append(units.plural(report.threads, "thread"))
    words.append(units.plural(report.descriptors, "descriptor"))
    words.append(f"look {report.look} paused it for {units.duration(report.pause_ns)}")
    text.append("  " + ", ".join(words), style="not bold")
    lines: list[RenderableType] = [sheet.paragraph(text)]
    bill = report.bill
    if bill is not None:
        shown = [
            f"{TITLE_BY_PART.get(part.name, part.name)} {units.size(part.bytes)}"
            for part in bill.parts
            if part.bytes is not None and abs(part.bytes) >= _WORTH_BYTES
        ]
        shown += [
            f"{TITLE_BY_PART.get(p.name, p.name)} not known" for p in bill.parts if p.bytes is None
        ]
        lines.append(sheet.paragraph(Text(sheet.symbols.dot.join(shown), style=QUIET)))
    return lines


def _table(report: TopReport, sheet: Sheet) -> list[RenderableType]:
    width = sheet.width - sum(_NUMBERS) - 2
    heading = "type".ljust(width) + _cells(_HEADINGS)
    lines: list[RenderableType] = [Text(f" {heading}", style=LABEL_STYLE, no_wrap=True)]
    for row in report.rows:
        line = Text(" ", no_wrap=True)
        line.append(sheet.fit(row.type, width - 1).ljust(width))
        line.append(_cells(_figures(row)), style=STRONG if (row.bytes_per_min or 0) > 0 else "")
        lines.append(line)
    left = report.types - len(report.rows)
    if left > 0:
        lines.append(Text(f" and {units.plural(left, 'more type')}", style=QUIET))
    return lines


def _figures(row: TopRow) -> tuple[str, ...]:
    return (
        units.short_count(row.count),
        units.short_size(row.bytes),
        "" if row.count_per_min is None else units.count(round(row.count_per_min), signed=True),
        "" if row.bytes_per_min is None else units.short_size(row.bytes_per_min, signed=True),
    )


def _cells(values: tuple[str, ...]) -> str:
    return "".join(v.rjust(width) for v, width in zip(values, _NUMBERS, strict=True))
