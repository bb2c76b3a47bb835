"""The red flags of a process, as a screen for people."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from leakhunt.analysis.vitals import Flag, Light, worst
from leakhunt.report import units
from leakhunt.report.doctor_model import DoctorReport
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import ADVICE_STYLE, QUIET, Sheet, TextOptions

_STYLE = {
    Light.RED: "bold red",
    Light.YELLOW: "bold yellow",
    Light.GREEN: "green",
    Light.UNKNOWN: QUIET,
}
_WORDS = {
    Light.RED: "Something is wrong",
    Light.YELLOW: "Something may be wrong",
    Light.GREEN: "No red flag",
}


def render_doctor(report: DoctorReport, options: TextOptions | None = None) -> str:
    """The whole screen, lines ending in a line feed, no trailing blanks."""
    sheet = Sheet(options or TextOptions())
    return draw((_headline(report, sheet), _flags(report, sheet), _notes(report, sheet)), sheet)


def _headline(report: DoctorReport, sheet: Sheet) -> list[RenderableType]:
    light = worst(report.flags)
    text = Text(_WORDS[light], style=_STYLE[light])
    text.append(
        f": process {report.pid}, {units.plural(report.samples, 'sample')} in "
        f"{report.duration_s:.0f} s; a snapshot paused it for {units.duration(report.pause_ns)}",
        style="default not bold",
    )
    return [sheet.paragraph(text)]


def _flags(report: DoctorReport, sheet: Sheet) -> list[RenderableType]:
    width = max(len(flag.name) for flag in report.flags)
    lines: list[RenderableType] = []
    for flag in report.flags:
        line = Text(f" {flag.light.upper().ljust(7)} ", style=_STYLE[flag.light])
        line.append(f"{flag.name.ljust(width)}  {_figure(flag)}", style="default not bold")
        lines.append(line)
        if flag.next:
            limit = f"yellow from {_amount(flag.yellow, flag.unit)}, red from " + _amount(
                flag.red, flag.unit
            )
            lines.append(sheet.paragraph(Text(limit, style=QUIET), indent=9))
            lines.append(sheet.paragraph(Text(flag.next, style=ADVICE_STYLE), indent=9))
    return lines


def _figure(flag: Flag) -> str:
    return "not known" if flag.value is None else _amount(flag.value, flag.unit)


def _amount(value: float, unit: str) -> str:
    if unit == "bytes/min":
        return f"{units.size(value, signed=True)}/min"
    if unit == "ms":
        return units.duration(round(value * 1e6))
    if unit.startswith("%"):
        return f"{value:.0f} {unit}"
    if unit in {"threads", "tasks"}:
        return units.plural(round(value), unit.removesuffix("s"))
    return f"{value:,.0f} {unit}"


def _notes(report: DoctorReport, sheet: Sheet) -> list[RenderableType]:
    return [sheet.paragraph(Text(sheet.sentence(note), style=QUIET)) for note in report.notes]
