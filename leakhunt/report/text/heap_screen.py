"""What one snapshot holds as a screen for people."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from leakhunt.report import units
from leakhunt.report.heap_model import HeapReport
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import HOLDER_STYLE, QUIET, STRONG, Sheet, TextOptions

_ROOTS = {
    "modules": ("table of modules", "tables of modules"),
    "interpreter": ("interpreter field", None),
    "static type": ("table of static types", "tables of static types"),
    "immortal": ("immortal object", None),
}
"""How roots of a kind are counted, where it is not by the kind's own name."""


def render_heap(report: HeapReport, options: TextOptions | None = None) -> str:
    """The whole screen, lines ending in a line feed, no trailing blanks."""
    sheet = Sheet(options or TextOptions())
    return draw((_headline(report, sheet), _totals(report, sheet), _largest(report, sheet)), sheet)


def _headline(report: HeapReport, sheet: Sheet) -> list[RenderableType]:
    totals = report.totals
    text = Text(f"{units.plural(totals.objects, 'object')}, {units.size(totals.bytes)}", STRONG)
    text.append(f" in {sheet.name(report.snapshot)}")
    if report.label:
        text.append(f" ({sheet.name(report.label)}", style=QUIET)
        text.append(f" of process {report.pid})" if report.pid else ")", style=QUIET)
    return [sheet.paragraph(text)]


def _totals(report: HeapReport, sheet: Sheet) -> list[RenderableType]:
    totals = report.totals
    garbage = Text("none: everything is reached from a GC root")
    if totals.garbage_objects:
        what = units.plural(totals.garbage_objects, "object")
        garbage = Text(f"{what}, {units.size(totals.garbage_bytes)}, reached from no GC root")
    roots = [
        units.plural(n, *_ROOTS.get(kind, (kind, None)))
        for kind, n in totals.roots_by_kind.items()
        if n
    ]
    cycles = Text("none")
    if totals.cycle_components:
        groups = units.plural(totals.cycle_components, "group")
        cycles = Text(f"{units.plural(totals.cycle_objects, 'object')} in {groups}")
    rows = [
        ("edges", Text(units.plural(totals.references, "reference"))),
        ("roots", Text(", ".join(roots))),
        ("garbage", garbage),
        ("cycles", cycles),
        ("cache", _cache(report, sheet)),
        *(("note", Text(sheet.sentence(note))) for note in report.notes),
    ]
    return [sheet.labelled(rows)]


def _cache(report: HeapReport, sheet: Sheet) -> Text:
    took = units.duration(report.timings_ns["open_ns"])
    if report.cache is None:
        return Text(f"none kept (analysed in {took})", style=QUIET)
    where = sheet.name(report.cache)
    if report.is_cached:
        return Text(f"read from {where} in {took}", style=QUIET)
    return Text(f"kept in {where} (analysed in {took})", style=QUIET)


def _largest(report: HeapReport, sheet: Sheet) -> list[RenderableType]:
    if not report.largest:
        return []
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text("retained", QUIET), Text("itself", QUIET), Text("kept by", QUIET))
    for one in report.largest:
        where = Text(sheet.name(one.path), style=HOLDER_STYLE)
        where.append(f"  {sheet.name(one.type)}", style=QUIET)
        table.add_row(
            Text(units.short_size(one.retained_bytes), STRONG),
            Text(units.short_size(one.shallow_bytes)),
            where,
        )
    return [Text("Where bytes come together (freed if it went)", style=STRONG), table]
