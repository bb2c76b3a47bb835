"""What C code holds besides: shown with ``--all``."""

from __future__ import annotations

from typing import Final

from rich.console import RenderableType
from rich.text import Text

from leakhunt.analysis.results import HoldRow
from leakhunt.report import units
from leakhunt.report.model import Report
from leakhunt.report.text.sheet import PROSE_WIDTH, QUIET, STRONG, Sheet

_SHOWN: Final = 12
_NUMBER: Final = 8
_LEAST_REASON: Final = 24


def section(report: Report, sheet: Sheet) -> list[RenderableType]:
    """Native holds by type, those that grew first; nothing without ``--all``."""
    if not report.native_holds or not sheet.options.show_all:
        return []
    heading = Text("Held by C code too", style=STRONG)
    heading.append("  references counted and found nowhere, by type", style=QUIET)
    titles = Text("".join(f"{title:>{_NUMBER}}" for title in ("objects", "refs", "change")))
    titles.append("  type")
    titles.stylize(QUIET)
    rows = [_row(row, sheet) for row in report.native_holds[:_SHOWN]]
    if rest := report.native_holds[_SHOWN:]:
        references = units.plural(sum(row.references_final for row in rest), "reference")
        rows.append(Text(f"and {units.plural(len(rest), 'more type')}, {references}", style=QUIET))
    return [sheet.paragraph(line) for line in (heading, titles, *rows)]


def _row(row: HoldRow, sheet: Sheet) -> Text:
    delta = row.references_delta
    change = units.short_count(delta, signed=True) if delta else sheet.symbols.nothing
    numbers = (units.short_count(row.objects_final), units.short_count(row.references_final))
    text = Text("".join(f"{number:>{_NUMBER}}" for number in (*numbers, change)))
    text.append(f"  {sheet.name(row.type, 60)}")
    room = min(sheet.width, PROSE_WIDTH) - text.cell_len - 4
    if row.reason is not None and not row.unexplained and room >= _LEAST_REASON:
        text.append(f"  {sheet.fit(row.reason, room)}", style=QUIET)
    return text
