"""The end of the screen: what the numbers rest on, and what can be done next."""

from __future__ import annotations

from pathlib import PurePath

from rich.console import RenderableType
from rich.text import Text

from leakhunt.detectors.base import Verdict
from leakhunt.report import units
from leakhunt.report.model import Report
from leakhunt.report.text.sheet import QUIET, Sheet, join_words

_SHOWN_INFERRED = 4


def grounds(report: Report, sheet: Sheet) -> list[RenderableType]:
    """What the numbers rest on, as a section."""
    rows = ground_rows(report, sheet)
    return [sheet.labelled(rows)] if rows else []


def ground_rows(report: Report, sheet: Sheet) -> list[tuple[str, Text]]:
    """What the numbers rest on: how births are known, what the looking cost, notes."""
    rows = [("births", _births(report, sheet)), ("cost", _cost(report))]
    notes = [Text(sheet.sentence(note)) for note in report.notes]
    rows += [("note" if number == 0 else "", note) for number, note in enumerate(notes)]
    return [(label, text) for label, text in rows if text.plain]


def _births(report: Report, sheet: Sheet) -> Text:
    """How births are known; what an inferred one is worth only where most are."""
    identity = report.identity
    if identity.method in ("", "none"):
        return Text()
    types = identity.inferred_types
    text = Text()
    is_exact = identity.exact or bool(types)
    text.append("exact" if is_exact else "inferred", style="green" if is_exact else "yellow")
    text.append(f", by {sheet.sentence(identity.method).replace('+', ' and ')}")
    if types:
        shown = [sheet.name(name, 60) for name in types[:_SHOWN_INFERRED]]
        if more := len(types) - len(shown):
            shown.append(units.plural(more, "more type"))
        text.append("; ")
        text.append("inferred", style="yellow")
        text.append(f" for {join_words(shown)}")
    text.append(".")
    if identity.note and (sheet.options.show_all or not is_exact):
        text.append(f" {sheet.sentence(identity.note)}", style=QUIET)
    return text


def _cost(report: Report) -> Text:
    words = []
    if report.snapshots:
        pauses = [snapshot.pause_ns for snapshot in report.snapshots]
        number = units.plural(len(pauses), "capture")
        longest = units.duration(max(pauses))
        forks = sum(snapshot.mode == "fork" for snapshot in report.snapshots)
        by_fork = f", {forks} by fork," if forks else ""
        total = units.duration(sum(pauses))
        words.append(f"{number}{by_fork} paused it for {total} (longest {longest})")
    if report.collect_ns:
        number = units.plural(len(report.collect_ns), "forced collection")
        words.append(f"{number} took {units.duration(sum(report.collect_ns))}")
    attached = [one.pause_ns for one in report.interventions if one.kind == "attach"]
    if attached:
        what = "attaching" if len(attached) == 1 else f"attaching to {len(attached)} processes"
        words.append(f"{what} stopped it for {units.duration(max(attached))} at most")
    return Text("; ".join(words), style=QUIET)


def next_steps(report: Report, sheet: Sheet) -> list[RenderableType]:
    """Commands that lead on from here."""
    if not sheet.options.hints:
        return []
    rows = [("next" if i == 0 else "", text) for i, text in enumerate(_steps(report, sheet))]
    return [sheet.labelled(rows)] if rows else []


def _steps(report: Report, sheet: Sheet) -> list[Text]:
    kept = [snapshot.path for snapshot in report.snapshots if snapshot.path is not None]
    is_hunt = bool(report.target.get("scenario")) or report.load is not None
    has_rows = bool(report.findings or report.growth)
    steps: list[tuple[str, str]] = []
    if report.errors and is_hunt:
        steps.append(("--show-output", "shows what the target prints"))
    if len(kept) > 1 and is_hunt:
        folder = sheet.name(str(PurePath(kept[0]).parent))
        if report.verdict != Verdict.NOT:
            steps.append((f"leakhunt whatif {folder} --finding 1", "says what a fix would free"))
            if report.settings is not None and not report.workers:
                steps.append((f"leakhunt verify {folder}", "hunts again after it, and compares"))
        steps.append((f"leakhunt diff {folder}", "compares its snapshots again"))
    if not kept and len(report.snapshots) > 1 and not report.workers:
        steps.append(("--save DIR", "keeps the snapshots for a second look"))
    if report.cycles is None and report.verdict != Verdict.NOT:
        steps.append(("--cycles N", "turns growth into a rate per cycle"))
    if has_rows:
        steps.append(("--json", "gives exact numbers, full names and every type"))
    if has_rows and not sheet.options.show_all:
        steps.append(("--all", "shows every finding in full and every type"))
    width = max((len(command) for command, _ in steps), default=0)
    return [Text(command.ljust(width + 2)).append(what, style=QUIET) for command, what in steps]
