"""The processes of a family that were hunted side by side: one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from leakhunt.detectors.base import Verdict
from leakhunt.report import units
from leakhunt.report.model import Report, WorkerSummary
from leakhunt.report.text.findings import VERDICT_WORDS
from leakhunt.report.text.sheet import LABEL_STYLE, MARGIN, STYLE_BY_VERDICT, Sheet

_SHOWN: Final = 16
_GAP: Final = 2
_HEADINGS: Final = ("pid", "", "objects", "bytes", "process RSS", "")
_LEFT: Final = (1, 5)
"""Columns that are aligned at their left."""


def section(report: Report, sheet: Sheet) -> list[RenderableType]:
    """A table of the processes; empty unless there were several."""
    if len(report.workers) < 2:
        return []
    shown = report.workers if sheet.options.show_all else report.workers[:_SHOWN]
    rows = [_cells(worker, sheet) for worker in shown]
    widths = [max(cell_len(row[i]) for row in [_HEADINGS, *rows]) for i in range(len(_HEADINGS))]
    room = sheet.width - MARGIN - sum(widths[:-1]) - _GAP * (len(widths) - 1)
    widths[-1] = min(widths[-1], max(room, 8))
    lines: list[RenderableType] = [_line(_HEADINGS, widths, sheet, None)]
    lines += [_line(row, widths, sheet, one) for row, one in zip(rows, shown, strict=True)]
    if rest := len(report.workers) - len(shown):
        more = f"{' ' * MARGIN}and {units.plural(rest, 'more process', 'more processes')}"
        lines.append(Text(more, style=LABEL_STYLE))
    return lines


def _cells(worker: WorkerSummary, sheet: Sheet) -> tuple[str, ...]:
    rss = (worker.rss_baseline_bytes, worker.rss_final_bytes)
    change = None if None in rss else (rss[1] or 0) - (rss[0] or 0)
    said = "; ".join(worker.errors) or ("the one asked for" if worker.is_root else "")
    return (
        str(worker.pid),
        VERDICT_WORDS[Verdict(worker.verdict)] if worker.growth_bytes is not None else "unknown",
        _signed(worker.growth_objects, units.count),
        _signed(worker.growth_bytes, units.size),
        _signed(change, units.size),
        sheet.sentence(said),
    )


def _signed(value: int | None, words: Callable[..., str]) -> str:
    return "" if value is None else words(value, signed=True)


def _line(
    row: tuple[str, ...], widths: list[int], sheet: Sheet, worker: WorkerSummary | None
) -> Text:
    line = Text(" " * MARGIN, no_wrap=True, overflow="crop")
    for i, width in enumerate(widths):
        cell = sheet.fit(row[i], width) if i == len(widths) - 1 and row[i] else row[i]
        blanks = " " * (width - cell_len(cell))
        style = STYLE_BY_VERDICT[worker.verdict] if worker is not None and i == 1 else ""
        line.append(" " * _GAP * bool(i))
        line.append("" if i in _LEFT else blanks)
        line.append(cell, style=LABEL_STYLE if worker is None else style)
        line.append(blanks if i in _LEFT else "")
    line.rstrip()
    return line
