"""The report as a screen for people.

It answers, in this order: is the result whole, is it leaking and how fast, is it Python's memory,
who holds what and why and what to do, what grows, how do we know, what next.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from leakhunt.report.model import Report
from leakhunt.report.text import (
    findings,
    growth,
    head,
    native,
    overview,
    tail,
    trend,
    waste_screen,
    workers,
)
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import Sheet, TextOptions

__all__ = ["TextOptions", "render_text"]


def render_text(report: Report, options: TextOptions | None = None) -> str:
    """The whole screen, lines ending in a line feed, no trailing blanks.

    Without ``options.color`` the text holds no escape sequence, whatever the names of the
    target are. Cost: linear in what is shown, plus one sort of the growth rows.
    """
    sheet = Sheet(options or TextOptions())
    return draw(_sections(report, sheet), sheet)


def _sections(report: Report, sheet: Sheet) -> Iterator[list[RenderableType]]:
    yield from (
        head.errors(report, sheet),
        head.verdict(report, sheet),
        head.facts(report, sheet),
        workers.section(report, sheet),
        overview.section(report, sheet),
        *findings.sections(report, sheet),
        growth.section(report, sheet),
        native.section(report, sheet),
        *(trend.sections(report.trend, sheet) if report.trend is not None else ()),
        *(waste_screen.sections(report.waste, sheet) if report.waste is not None else ()),
        tail.grounds(report, sheet),
        tail.next_steps(report, sheet),
    )
