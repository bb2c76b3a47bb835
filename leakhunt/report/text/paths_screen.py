"""Who keeps what, as a screen for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from leakhunt.analysis.merged_paths import MergedPath
from leakhunt.analysis.retainers import IndependentPath
from leakhunt.detectors.base import PathStep
from leakhunt.report import units
from leakhunt.report.paths_model import PathsReport
from leakhunt.report.text import path_tree
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import (
    HOLDER_STYLE,
    MARGIN,
    PROSE_WIDTH,
    QUIET,
    STRONG,
    Sheet,
    TextOptions,
    join_words,
)

_SHOWN = 8
"""Merged paths shown without ``--all``."""
_TYPES = 3


def render_paths(report: PathsReport, options: TextOptions | None = None) -> str:
    """The whole screen, lines ending in a line feed, no trailing blanks."""
    sheet = Sheet(options or TextOptions())
    return draw(
        (
            _headline(report, sheet),
            _first(report, sheet),
            _merged(report, sheet),
            _independent(report, sheet),
            _next(report, sheet),
        ),
        sheet,
    )


def _headline(report: PathsReport, sheet: Sheet) -> list[RenderableType]:
    found = report.retainers
    text = Text()
    types = [sheet.name(name) for name in report.types[:_TYPES]]
    if rest := report.types[_TYPES:]:
        types.append(units.plural(len(rest), "more type"))
    text.append(f"{units.plural(found.objects, 'object')} of {join_words(types)}", style=STRONG)
    text.append(f", {units.size(found.bytes)}")
    avoided = join_words([sheet.name(name) for name in report.avoid])
    lost = report.reachable_before - found.reachable
    if report.avoid and lost:
        text.append(f". Without {avoided} nothing would keep {_some(lost, found.objects)}")
    if garbage := found.objects - report.reachable_before:
        text.append(f". Nothing keeps {_some(garbage, found.objects)}: garbage")
    if found.native_objects:
        references = units.plural(found.native_references, "reference")
        text.append(
            f". To {_some(found.native_objects, found.objects)}, {references} more are counted "
            "than found: C code may hold them too"
        )
    text.append(".")
    return [sheet.paragraph(text)]


def _some(part: int, whole: int) -> str:
    if part == whole:
        return "them" if whole > 1 else "it"
    return f"{units.count(part)} of them"


def _first(report: PathsReport, sheet: Sheet) -> list[RenderableType]:
    """The commonest path as a tree with types."""
    merged = report.retainers.merged
    if not merged:
        return []
    steps = tuple(PathStep(*step) for step in merged[0].path.described())
    width = min(sheet.width, PROSE_WIDTH) - MARGIN
    return [sheet.paragraph(path_tree.draw_steps(steps, sheet, width))]


def _merged(report: PathsReport, sheet: Sheet) -> list[RenderableType]:
    found = report.retainers
    if len(found.merged) < 2 and not found.unnamed:
        return []
    shown = found.merged if sheet.options.show_all else found.merged[:_SHOWN]
    lines = _counted([(one.objects, _path(one, sheet)) for one in shown])
    hidden = found.unnamed + sum(one.objects for one in found.merged[len(shown) :])
    if hidden:
        more = "" if sheet.options.show_all else ": --all shows more"
        paths = units.plural(hidden, "more object")
        lines.append(Text(f"and {paths} on other paths{more}", style=QUIET))
    heading = Text("Shortest paths", style=STRONG)
    return [sheet.paragraph(heading), *(sheet.paragraph(line) for line in lines)]


def _path(one: MergedPath, sheet: Sheet) -> Text:
    text = Text(sheet.name(str(one.path)))
    text.append(f"  {units.size(one.bytes)}", style=QUIET)
    if one.noise is not None:
        text.append(f"  ({sheet.sentence(one.noise)})", style=QUIET)
    return text


def _counted(rows: Sequence[tuple[int, Text]]) -> list[Text]:
    numbers = [units.count(number) for number, _ in rows]
    width = max((cell_len(number) for number in numbers), default=0)
    return [
        Text.assemble((f"{number:>{width}}  ", STRONG), text)
        for number, (_, text) in zip(numbers, rows, strict=True)
    ]


def _independent(report: PathsReport, sheet: Sheet) -> list[RenderableType]:
    found = report.retainers
    if not report.has_independent or not found.reachable:
        return []
    if found.why_not is not None:
        text = Text("Independent paths", style=STRONG)
        text.append(f" are not known: {sheet.sentence(found.why_not)}.", style="not bold")
        return [sheet.paragraph(text)]
    number = len(found.independent)
    words = "One place holds them all" if number == 1 else f"{number} places hold them"
    text = Text(f"{words}, ", style=STRONG)
    text.append("it must let go" if number == 1 else "each must let go")
    lines = _counted([(one.objects, _place(one, sheet)) for one in found.independent])
    return [sheet.paragraph(text), *(sheet.paragraph(line) for line in lines)]


def _place(one: IndependentPath, sheet: Sheet) -> Text:
    text = Text(sheet.name(one.place))
    text.stylize(HOLDER_STYLE)
    rest = str(one.path).removeprefix(one.place)
    if rest and rest != str(one.path):
        text.append(sheet.name(rest), style=QUIET)
    elif one.references > 1:
        text.append(f"  {units.plural(one.references, 'reference')}", style=QUIET)
    if one.noise is not None:
        text.append(f"  ({sheet.sentence(one.noise)})", style=QUIET)
    return text


def _next(report: PathsReport, sheet: Sheet) -> list[RenderableType]:
    if report.has_independent or not report.retainers.reachable or not sheet.options.hints:
        return []
    text = Text("--all", style="")
    text.append(" shows every path and the fewest places that must let go", style=QUIET)
    return [sheet.paragraph(text)]
