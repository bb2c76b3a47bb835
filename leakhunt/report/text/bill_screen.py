"""The memory bill of one moment, as a screen for people: a bar and a line for each part."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from leakhunt.report import units
from leakhunt.report.bill_model import BillReport
from leakhunt.report.text.bill import TITLE_BY_PART
from leakhunt.report.text.bill_growth import growth_sentence
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import LABEL_STYLE, QUIET, STRONG, Sheet, TextOptions

_BAR_MAX = 24
_SHARE = 7
_CHANGE = 12
_LITTLE_BYTES = 1 << 20


def render_bill(report: BillReport, options: TextOptions | None = None) -> str:
    """The whole screen, lines ending in a line feed, no trailing blanks."""
    sheet = Sheet(options or TextOptions())
    return draw(
        (
            _headline(report, sheet),
            _parts(report, sheet),
            _growth(report, sheet),
            _trim(report, sheet),
            _notes(report, sheet),
        ),
        sheet,
    )


def _headline(report: BillReport, sheet: Sheet) -> list[RenderableType]:
    text = Text(f"{units.size(report.bill.rss_bytes)} resident", style=STRONG)
    where = sheet.name(report.snapshot) if report.snapshot else f"process {report.pid}"
    text.append(f"  {where}, {units.plural(report.objects, 'Python object')}", style="not bold")
    if report.cgroup_bytes is not None:
        charged = units.size(report.cgroup_bytes)
        text.append(f"; its control group is charged for {charged}", style="not bold")
        if report.cgroup_limit_bytes is not None:
            limit = units.size(report.cgroup_limit_bytes)
            text.append(f" (limit {limit})", style="not bold")
    return [sheet.paragraph(text)]


def _parts(report: BillReport, sheet: Sheet) -> list[RenderableType]:
    """The parts in their order; what is not known says so."""
    largest = max((abs(part.bytes) for part in report.bill.parts if part.bytes), default=1)
    width = max(len(title) for title in TITLE_BY_PART.values())
    change = 0 if report.before is None else _CHANGE
    bar = min(_BAR_MAX, sheet.width - width - 22 - change)
    block = "#" if sheet.options.ascii_only else "█"
    lines: list[RenderableType] = []
    for part in report.bill.parts:
        line = Text(f" {TITLE_BY_PART.get(part.name, part.name).ljust(width)} ", no_wrap=True)
        if part.bytes is None:
            line.append("not known".rjust(10), style=QUIET)
        else:
            share = f"{part.bytes / max(report.bill.rss_bytes, 1):.0%}".replace("%", " %")
            line.append(units.size(part.bytes).rjust(10), style=STRONG)
            line.append(share.rjust(_SHARE), style=LABEL_STYLE)
            if report.before is not None:
                line.append(_change(report.before.part(part.name), part.bytes).rjust(change))
            line.append("  ")
            line.append(block * round(bar * max(part.bytes, 0) / largest))
        lines.append(line)
        if sheet.options.show_all:
            lines.append(sheet.paragraph(Text(part.source, style=QUIET), indent=width + 2))
    return lines


def _change(before: int | None, after: int) -> str:
    return "" if before is None else units.size(after - before, signed=True)


def _growth(report: BillReport, sheet: Sheet) -> list[RenderableType]:
    """By what it grew since the earlier snapshot."""
    growth = report.growth
    if growth is None:
        return []
    sentence = growth_sentence(growth) or "The process did not grow by a MiB."
    return [sheet.paragraph(Text(sentence, style=STRONG))]


def _trim(report: BillReport, sheet: Sheet) -> list[RenderableType]:
    """What malloc gave back."""
    trim = report.trim
    if trim is None:
        return []
    if not trim.is_trimmed:
        words = "malloc_trim: not done, malloc is not glibc's"
    else:
        freed = max(trim.rss_before_bytes - trim.rss_after_bytes, 0)
        words = f"malloc_trim gave {units.size(freed)} back to the kernel"
        words += f" in {units.duration(trim.ns)}: that was held free by malloc."
        if freed < _LITTLE_BYTES:
            words = (
                "malloc_trim gave back nothing to speak of: no whole page of malloc's memory was"
                " free. What is free lies between blocks that are in use, or is pymalloc's."
            )
    return [sheet.paragraph(Text(words))]


def _notes(report: BillReport, sheet: Sheet) -> list[RenderableType]:
    notes = [*report.bill.unknown]
    if not sheet.options.show_all and sheet.options.hints:
        notes.append("--all says where each figure comes from")
    return [sheet.paragraph(Text(note, style=QUIET)) for note in notes]
