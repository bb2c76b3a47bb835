"""Wasted memory as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from leakhunt.analysis.waste.results import (
    ContainerPlace,
    Containers,
    Duplicates,
    DuplicateValue,
    InstanceDicts,
    Waste,
)
from leakhunt.report import units
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import (
    HOLDER_STYLE,
    LABEL_STYLE,
    MARGIN,
    QUIET,
    STRONG,
    Sheet,
    TextOptions,
)

T = TypeVar("T")
_GAP: Final = 2
_TEXT: Final = 24
"""Characters shown of a duplicated text."""


def render_waste(waste: Waste, options: TextOptions | None = None) -> str:
    """The whole screen, lines ending in a line feed, no trailing blanks."""
    sheet = Sheet(options or TextOptions())
    return draw(sections(waste, sheet), sheet)


def sections(waste: Waste, sheet: Sheet) -> list[list[RenderableType]]:
    """The sum, then the three kinds of waste."""
    share = f"{waste.wasted_bytes / max(1, waste.heap_bytes):.0%}".replace("%", " %")
    text = Text()
    text.append("Waste", style=STRONG)
    text.append(f"  {units.size(waste.wasted_bytes)}, {share} of the Python heap", style=QUIET)
    return [
        [sheet.paragraph(text)],
        _duplicates(waste.duplicates, sheet),
        _containers(waste.containers, sheet),
        _dicts(waste.instance_dicts, sheet),
    ]


def _duplicates(found: Duplicates | None, sheet: Sheet) -> list[RenderableType]:
    if found is None:
        line = "Equal values are not known: capture with --content to compare them."
        return [sheet.paragraph(Text(line, QUIET))]
    kinds = ", ".join(
        f"{units.size(row.wasted_bytes)} {row.type.removeprefix('builtins.')}"
        for row in found.types
        if row.wasted_bytes
    )
    lines: list[RenderableType] = [_heading("Equal values", found.wasted_bytes, kinds, sheet)]
    shown, rest = _cut(found.values, sheet)
    rows = [_value_cells(one, sheet) for one in shown]
    lines += _table(("value", "objects", "wasted", "most of them in"), rows, sheet)
    lines += _more(rest, "value", sheet)
    if found.uncompared_objects:
        size = units.size(found.uncompared_bytes)
        what = f"{units.plural(found.uncompared_objects, 'value')} ({size}) too long to compare"
        lines.append(sheet.paragraph(Text(what, QUIET)))
    return lines


def _value_cells(one: DuplicateValue, sheet: Sheet) -> _Row:
    kind = one.type.removeprefix("builtins.")
    name = kind if one.text is None else f"{kind} {sheet.name(repr(one.text), _TEXT)}"
    return name, units.count(one.objects), units.size(one.wasted_bytes), one.path


def _containers(found: Containers, sheet: Sheet) -> list[RenderableType]:
    if not found.wasted_bytes:
        return []
    kinds = ", ".join(
        f"{units.size(row.empty_bytes + row.sparse_bytes)} {row.type.rpartition('.')[2]}"
        for row in found.types
    )
    lines: list[RenderableType] = [
        _heading("Empty and sparse containers", found.wasted_bytes, kinds, sheet)
    ]
    shown, rest = _cut(found.places, sheet)
    rows = [_place_cells(one) for one in shown]
    lines += _table(("containers", "objects", "wasted", "in"), rows, sheet)
    return [*lines, *_more(rest, "place", sheet)]


def _place_cells(one: ContainerPlace) -> _Row:
    state = "empty" if one.is_empty else "sparse"
    name = f"{state} {one.type.rpartition('.')[2]}"
    return name, units.count(one.objects), units.size(one.wasted_bytes), one.path


def _dicts(found: tuple[InstanceDicts, ...], sheet: Sheet) -> list[RenderableType]:
    if not found:
        return []
    total = sum(one.wasted_bytes for one in found)
    lines: list[RenderableType] = [_heading("Dicts that __slots__ would save", total, "", sheet)]
    shown, rest = _cut(found, sheet)
    rows = [
        (
            units.plural(one.attributes, "name"),
            units.count(one.objects),
            units.size(one.wasted_bytes),
            one.type,
        )
        for one in shown
    ]
    lines += _table(("slots", "objects", "wasted", "class"), rows, sheet)
    return [*lines, *_more(rest, "class", sheet)]


def _heading(title: str, wasted: int, kinds: str, sheet: Sheet) -> RenderableType:
    text = Text()
    text.append(title, style=STRONG)
    text.append(f"  {units.size(wasted)}" + (f": {sheet.sentence(kinds)}" if kinds else ""), QUIET)
    return sheet.paragraph(text)


def _cut(rows: Sequence[T], sheet: Sheet) -> tuple[Sequence[T], int]:
    """The rows that are shown, and how many are not."""
    shown = rows if sheet.options.show_all else rows[: sheet.options.top]
    return shown, len(rows) - len(shown)


def _more(rest: int, what: str, sheet: Sheet) -> list[RenderableType]:
    if rest <= 0:
        return []
    plural = units.plural(
        rest, f"more {what}", f"more {'classes' if what == 'class' else what + 's'}"
    )
    return [sheet.paragraph(Text(f"{plural}: --top N or --all", QUIET))]


_Row = tuple[str, str, str, str]
_NUMBERS = (1, 2)


def _table(title: _Row, rows: Sequence[_Row], sheet: Sheet) -> list[RenderableType]:
    """Lines of a table; the last column, a path or a class, gives way on a narrow page."""
    if not rows:
        return []
    widths = [max(cell_len(row[i]) for row in (title, *rows)) for i in range(3)]
    room = max(sheet.width - MARGIN - sum(width + _GAP for width in widths), 8)
    lines: list[RenderableType] = []
    for number, row in enumerate((title, *rows)):
        line = Text(" " * MARGIN, no_wrap=True, overflow="crop")
        for i, width in enumerate(widths):
            blanks = " " * (width - cell_len(row[i]))
            cell = blanks + row[i] if i in _NUMBERS else row[i] + blanks
            line.append(cell + " " * _GAP, style=LABEL_STYLE if number == 0 else "")
        last = row[3] if number == 0 else sheet.fit(row[3], room)
        line.append(last, style=LABEL_STYLE if number == 0 else HOLDER_STYLE)
        lines.append(line)
    return lines
