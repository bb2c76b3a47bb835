"""Where a leaked population was made: a line of text for each site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from leakhunt.analysis.code_line import UNNAMED, CodeLine
from leakhunt.analysis.sites import Estimate, Site, SiteBasis
from leakhunt.report import units
from leakhunt.report.text.sheet import QUIET, STRONG, Sheet

_WORDS: Final = {
    SiteBasis.FUNCTION: "the function that runs, not sampled",
    SiteBasis.COROUTINE: "their coroutine, not sampled",
    SiteBasis.CLASS: "their class, not sampled",
}


def site_lines(sites: Sequence[Site], sheet: Sheet) -> list[Text]:
    """One a site: the line of code, and how it is known or what it stands for."""
    return [_line(site, sheet) for site in sites]


def _line(site: Site, sheet: Sheet) -> Text:
    text = Text(place_words(site.line, sheet), style="")
    text.stylize(STRONG if site.has_stack else "")
    if site.callee is not None:
        text.append(f", calling {place_words(site.callee, sheet)}")
    return text.append(f"; {_known_by(site)}", style=QUIET)


def place_words(line: CodeLine, sheet: Sheet) -> str:
    """``shop/session.py:14 in Session.__init__``."""
    if not line.file:
        return sheet.name(line.function)
    number = "" if line.line is None else f":{line.line}"
    place = f"{sheet.name(line.file)}{number}"
    return place if line.function == UNNAMED else f"{place} in {sheet.name(line.function)}"


def _known_by(site: Site) -> str:
    """``20.5 MiB (14.7 MiB to 27.8 MiB) in 12,050 blocks, 41 samples``."""
    if not site.has_stack:
        return _WORDS[site.basis]
    words = "" if site.bytes is None else _estimated(site.bytes)
    if site.count is not None:
        words += f" in {units.plural(round(site.count.value), 'block')}"
    if site.basis is SiteBasis.SAMPLED and site.sample_count is not None:
        words += f", {units.plural(site.sample_count, 'sample')}"
    return words


def _estimated(estimate: Estimate) -> str:
    """The value and its interval; only the value when it is exact."""
    value, low, high = (
        units.size(round(number)) for number in (estimate.value, estimate.low, estimate.high)
    )
    return value if low == high else f"{value} ({low} to {high})"
