"""A retaining path as a small tree: edges stepping down from the root, types beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from leakhunt.detectors.base import Finding, PathStep
from leakhunt.report.text.sheet import HOLDER_STYLE, QUIET, STRONG, Sheet

_DEEPEST: Final = 7
"""Levels that still step to the right."""
_STEPS: Final = 14
"""Steps shown; the middle of a longer path is left out."""


def draw(finding: Finding, sheet: Sheet, width: int) -> Text:
    """The path in lines of at most ``width`` columns, the holder marked."""
    sizes = sheet.sizes(finding.holder)
    growth = f"grows here, {sizes}" if sizes else "grows here"
    return draw_steps(finding.retaining_path, sheet, width, _holder_step(finding), growth)


def draw_steps(
    steps: Sequence[PathStep],
    sheet: Sheet,
    width: int,
    holder: int | None = None,
    growth: str = "",
) -> Text:
    """Steps of a path in lines of at most ``width`` columns, one of them marked."""
    shown = _shown(len(steps), holder)
    edges = {i: _edge(i, steps[i], sheet, width) for i in shown}
    column = max((cell_len(edge) for edge in edges.values()), default=0) + 2
    lines = []
    last = -1
    for i in shown:
        if i > last + 1:
            more = f"{_indent(i)}{sheet.symbols.ellipsis} {i - last - 1} more steps"
            lines.append(Text(more, style=QUIET))
        edge = Text(edges[i] + " " * (column - cell_len(edges[i])))
        if i == holder:
            edge.stylize(HOLDER_STYLE, len(_lead(i, sheet)))
        mark = f" {sheet.symbols.mark}{growth}" if i == holder else ""
        kind = sheet.fit(steps[i].type, max(width - column, 8))
        edge.append(kind, style=QUIET)
        lines.append(edge)
        if column + cell_len(kind + mark) > width:
            mark = mark.lstrip()
            lines.append(Text(" " * max(min(column, width - cell_len(mark)), 0)))
        lines[-1].append(mark, style=STRONG)
        last = i
    return Text("\n", no_wrap=True).join(lines)


def shows_holder(finding: Finding) -> bool:
    """Whether the holder is a step of the path, which is then marked."""
    return _holder_step(finding) is not None


def _edge(level: int, step: PathStep, sheet: Sheet, width: int) -> str:
    before = _lead(level, sheet)
    written = step.edge if step.edge.strip() else f"({step.kind})"
    return before + sheet.fit(written, max(width * 3 // 5 - len(before), 12))


def _lead(level: int, sheet: Sheet) -> str:
    return _indent(level) + (sheet.symbols.branch if level else "")


def _indent(level: int) -> str:
    return "   " * min(max(level - 1, 0), _DEEPEST)


def _holder_step(finding: Finding) -> int | None:
    """The step whose edges so far spell the holder's path."""
    spelled = ""
    for number, step in enumerate(finding.retaining_path):
        spelled += step.edge
        if spelled == finding.holder.path:
            return number
    return None


def _shown(total: int, holder: int | None) -> list[int]:
    """Numbers of the steps to draw: both ends, and the holder."""
    if total <= _STEPS:
        return list(range(total))
    head = _STEPS // 2
    kept = {*range(head), *range(total - (_STEPS - head), total)}
    if holder is not None:
        kept.add(holder)
    return sorted(kept)
