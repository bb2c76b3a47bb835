"""The answer to a what-if question as a screen for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from leakhunt.analysis.shares import TypeShare
from leakhunt.analysis.whatif import CutReference, WhatIf
from leakhunt.report import units
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import (
    HOLDER_STYLE,
    QUIET,
    STRONG,
    Sheet,
    TextOptions,
    join_words,
)
from leakhunt.report.whatif_model import SmallestCut, WhatIfReport

_TYPES = 8
_LINES = 12


def render_whatif(report: WhatIfReport, options: TextOptions | None = None) -> str:
    """The whole screen, lines ending in a line feed, no trailing blanks."""
    sheet = Sheet(options or TextOptions())
    return draw(
        (
            _headline(report, sheet),
            _consequences(report, sheet),
            [] if report.smallest is None else _smallest(report.smallest, sheet),
        ),
        sheet,
    )


def _headline(report: WhatIfReport, sheet: Sheet) -> list[RenderableType]:
    result = report.consequences
    text = Text()
    if report.finding is not None:
        text.append(f"Finding {report.finding.rank}: ", style=STRONG)
        text.append(f"{sheet.sentence(report.finding.title)}\n")
    text.append(f"{units.size(result.freed_bytes)}", style="bold green")
    text.append(f" would be freed: {units.plural(result.freed_objects, 'object')}")
    if report.heap_bytes:
        text.append(f", {_share(result.freed_bytes, report.heap_bytes)} of the Python heap")
    text.append(".")
    if report.finding is not None and report.smallest is None:
        number = len(result.cuts)
        text.append(" One place holds it:" if number == 1 else f" {number} places hold it, and")
        text.append(" it must let go." if number == 1 else " each must let go.")
    return [sheet.paragraph(text)]


def _share(part: int, whole: int) -> str:
    percent = 100 * part / whole
    return f"{percent:.1f} %" if percent >= 0.1 or part == 0 else "less than 0.1 %"


def _consequences(report: WhatIfReport, sheet: Sheet) -> list[RenderableType]:
    result = report.consequences
    rows = [
        ("without", _cuts(result.cuts, sheet)),
        ("frees", _types(result.freed, sheet)),
        ("cycles", _collector(result)),
        ("C code", _native(result, sheet)),
        ("stays", _stays(result, sheet)),
        ("outside", _outside(result)),
        ("unseen", _opaque(result, sheet)),
    ]
    return [sheet.labelled([(label, text) for label, text in rows if text.plain])]


def _cuts(cuts: Sequence[CutReference], sheet: Sheet) -> Text:
    lines = []
    for cut in cuts[:_LINES]:
        line = Text(sheet.name(cut.path))
        line.stylize(HOLDER_STYLE)
        types = join_words([sheet.name(name) for name in cut.types])
        line.append(f"  {units.plural(cut.references, 'reference')} to {types}", style=QUIET)
        if cut.reaches is not None and cut.references == 1 < cut.reaches:
            line.append(f", keeps {units.count(cut.reaches)}", style=QUIET)
        lines.append(line)
    return _joined(lines, len(cuts))


def _joined(lines: list[Text], total: int) -> Text:
    if total > len(lines):
        lines = [*lines, Text(f"and {total - len(lines):,} more", style=QUIET)]
    return Text("\n").join(lines)


def _types(shares: Sequence[TypeShare], sheet: Sheet) -> Text:
    if not shares:
        return Text("nothing")
    shown = shares[:_TYPES]
    counts = [units.count(share.count) for share in shown]
    width = max(len(count) for count in counts)
    lines = [
        Text(f"{count:>{width}} {sheet.name(share.type)} ({units.size(share.bytes)})")
        for count, share in zip(counts, shown, strict=True)
    ]
    if rest := shares[_TYPES:]:
        size = units.size(sum(share.bytes for share in rest))
        lines.append(Text(f"and {units.plural(len(rest), 'more type')} ({size})", style=QUIET))
    return Text("\n").join(lines)


def _collector(result: WhatIf) -> Text:
    if not result.collector_objects:
        return Text()
    size = units.size(result.collector_bytes)
    return Text(
        f"{size} of it ({units.plural(result.collector_objects, 'object')}) wait for the "
        "collector: reference cycles keep them until it runs"
    )


def _native(result: WhatIf, sheet: Sheet) -> Text:
    if not result.native_objects:
        return Text()
    types = join_words([sheet.name(name) for name in result.native_types])
    what = units.plural(result.native_objects, "object")
    return Text(
        f"{what} of it ({types}) may stay, and {units.size(result.native_bytes)} with them: more "
        "references are counted than found, so C code may hold them"
    )


def _stays(result: WhatIf, sheet: Sheet) -> Text:
    if not result.stays_objects:
        return Text()
    lines = [Text(f"{units.plural(result.stays_objects, 'object')}, still held by")]
    for keeper in result.keepers:
        line = Text("  ")
        line.append(sheet.name(keeper.path), style="cyan")
        if not keeper.type.startswith("<root"):
            line.append(f"  {sheet.name(keeper.type)}", style=QUIET)
        if len(result.keepers) > 1 or keeper.objects != result.stays_objects:
            line.append(f", {units.count(keeper.objects)}", style=QUIET)
        lines.append(line)
    return Text("\n").join(lines)


def _outside(result: WhatIf) -> Text:
    if not result.outer_bytes:
        return Text()
    return Text(f"{units.size(result.outer_bytes)} more that they own outside Python objects")


def _opaque(result: WhatIf, sheet: Sheet) -> Text:
    if not result.opaque_types:
        return Text()
    types = join_words([sheet.name(name) for name in result.opaque_types[:_TYPES]])
    return Text(f"memory that {types} may own outside Python is not counted", style=QUIET)


def _smallest(smallest: SmallestCut, sheet: Sheet) -> list[RenderableType]:
    text = Text()
    if smallest.why_not is not None:
        text.append(
            f"The smallest cut that frees {sheet.sentence(smallest.of)} is not known", style=STRONG
        )
        text.append(f": {sheet.sentence(smallest.why_not)}.")
        return [sheet.paragraph(text)]
    number = len(smallest.references)
    text.append(f"To free {sheet.sentence(smallest.of)}, ", style=STRONG)
    text.append("one place must" if number == 1 else f"{number} places must", style=STRONG)
    text.append(" let go", style=STRONG)
    text.append(
        f": that frees {units.size(smallest.freed_bytes)},"
        f" {units.plural(smallest.freed_objects or 0, 'object')}."
    )
    return [
        sheet.paragraph(text),
        Text(),
        sheet.labelled([("cut", _cuts(smallest.references, sheet))]),
    ]
