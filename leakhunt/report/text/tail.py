"""The end of the screen: notes, and what can be done next."""

from __future__ import annotations

from pathlib import PurePath

from rich.console import RenderableType
from rich.text import Text

from leakhunt.detectors.base import Verdict
from leakhunt.report.model import Report
from leakhunt.report.text.sheet import QUIET, Sheet


def notes(report: Report, sheet: Sheet) -> list[RenderableType]:
    """What a reader should know before trusting a number."""
    rows = [("note" if i == 0 else "", Text(sheet.sentence(n))) for i, n in enumerate(report.notes)]
    return [sheet.labelled(rows)] if rows else []


def next_steps(report: Report, sheet: Sheet) -> list[RenderableType]:
    """Commands that lead on from here."""
    if not sheet.options.hints:
        return []
    rows = [("next" if i == 0 else "", text) for i, text in enumerate(_steps(report, sheet))]
    return [sheet.labelled(rows)] if rows else []


def _steps(report: Report, sheet: Sheet) -> list[Text]:
    kept = [snapshot.path for snapshot in report.snapshots if snapshot.path is not None]
    steps: list[tuple[str, str]] = []
    if kept and report.target.get("scenario"):
        folder = sheet.name(str(PurePath(kept[0]).parent))
        steps.append(("leakhunt diff", f"compares the snapshots in {folder} again"))
    if not kept and report.snapshots:
        steps.append(("--save DIR", "keeps the snapshots for a second look"))
    if report.cycles is None and report.verdict != Verdict.NOT:
        steps.append(("--cycles N", "turns growth into a rate per cycle"))
    if report.findings or report.growth:
        steps.append(("--json", "gives exact numbers, full names and every type"))
    if not sheet.options.show_all and (report.findings or report.growth):
        steps.append(("--all", "shows every finding in full and every type"))
    width = max((len(command) for command, _ in steps), default=0)
    return [Text(command.ljust(width + 2)).append(what, style=QUIET) for command, what in steps]
