"""The table of allocation sites, as a screen for people."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from leakhunt.analysis.samples import SiteGrowth
from leakhunt.report import units
from leakhunt.report.sites_model import SitesReport
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import QUIET, STRONG, Sheet, TextOptions
from leakhunt.report.text.sites import place_words

_LETTERS = {"baseline": "B", "window": "W", "loaded": "L", "final": "F"}

_LABEL_CELLS = 12
_INDENT = 4


def render_sites(report: SitesReport, options: TextOptions | None = None) -> str:
    """The whole screen, lines ending in a line feed, no trailing blanks."""
    sheet = Sheet(options or TextOptions())
    parts = (
        _headline(report, sheet),
        _table(report, sheet),
        _legend(report, sheet),
        _notes(report, sheet),
    )
    return draw(parts, sheet)


def _headline(report: SitesReport, sheet: Sheet) -> list[RenderableType]:
    last = report.labels[-1]
    total = sum(site.bytes_at(last) for site in report.sites)
    count = units.plural(len(report.sites), "site")
    text = Text(f"{count}, about {units.size(round(total))} live", style=STRONG)
    text.append(f" at {sheet.name(last)}, allocated while sampling ran", style="not bold")
    return [sheet.paragraph(text)]


def _table(report: SitesReport, sheet: Sheet) -> list[RenderableType]:
    """A line of numbers for each site and below it the place, which needs the whole width."""
    options = sheet.options
    shown = report.sites if options.show_all else report.sites[: options.top]
    heads = [_LETTERS.get(label, sheet.fit(label, _LABEL_CELLS)) for label in report.labels]
    heads += ["change"] * (len(report.labels) > 1) + ["95 %", "samples"]
    cells = [_cells(site, report.labels, sheet) for site in shown]
    widths = [max(map(cell_len, column)) for column in zip(heads, *cells, strict=True)]
    lines: list[RenderableType] = [Text(_aligned(heads, widths), style=QUIET)]
    for site, row in zip(shown, cells, strict=True):
        lines.append(Text(_aligned(row, widths), style=STRONG))
        lines += [sheet.paragraph(text, indent=_INDENT) for text in _place(site, sheet)]
    if rest := len(report.sites) - len(shown):
        more = f"and {units.plural(rest, 'more site')}: --all shows them"
        lines.append(sheet.paragraph(Text(more, style=QUIET)))
    return lines


def _aligned(cells: list[str], widths: list[int]) -> str:
    padded = (
        " " * (width - cell_len(cell)) + cell for cell, width in zip(cells, widths, strict=True)
    )
    return " " + "  ".join(padded)


def _place(site: SiteGrowth, sheet: Sheet) -> list[Text]:
    lines = [Text(place_words(site.line, sheet))]
    if site.callee is not None:
        lines.append(Text(f"calling {place_words(site.callee, sheet)}", style=QUIET))
    return lines


def _cells(site: SiteGrowth, labels: tuple[str, ...], sheet: Sheet) -> list[str]:
    values = [round(site.bytes_at(label)) for label in labels]
    cells = [units.short_size(value) if value else sheet.symbols.nothing for value in values]
    if len(labels) > 1:
        cells.append(units.short_size(values[-1] - values[0], signed=True))
    weight = site.weights.get(labels[-1])
    if weight is None:
        return [*cells, sheet.symbols.nothing, "0"]
    low, high = (units.short_size(round(end)) for end in (weight.bytes.low, weight.bytes.high))
    return [*cells, f"{low} to {high}", units.count(weight.sample_count)]


def _legend(report: SitesReport, sheet: Sheet) -> list[RenderableType]:
    letters = [f"{_LETTERS[label]} {label}" for label in report.labels if label in _LETTERS]
    if report.sample_bytes:
        how = f"estimates: one block sampled for every {units.size(report.sample_bytes)} on average"
    else:
        how = "exact: traces of the program's own tracemalloc"
    words = [", ".join(letters), f"95 % is the interval at {sheet.name(report.labels[-1])}", how]
    return [sheet.paragraph(Text("; ".join(word for word in words if word) + ".", style=QUIET))]


def _notes(report: SitesReport, sheet: Sheet) -> list[RenderableType]:
    return [sheet.paragraph(Text(f"Note: {sheet.name(note)}")) for note in report.notes]
