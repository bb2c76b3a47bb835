"""The tree of awaits, as a screen for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text
from rich.tree import Tree

from leakhunt.report import units
from leakhunt.report.tasks_model import TasksReport, WaitGroup
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import QUIET, STRONG, STYLE_BY_VERDICT, Sheet, TextOptions

_SHOWN = 20
_NAMES = 3
_DEEPEST = 12
_WORDS_BY_STATE = {
    "stuck": ("task is stuck", "tasks are stuck"),
    "waits": ("task waits", "tasks wait"),
    "runnable": ("task is about to run", "tasks are about to run"),
}
"""One, and several."""
_STYLE_BY_STATE = {"stuck": STYLE_BY_VERDICT["LEAK"], "waits": STRONG, "runnable": QUIET}


def render_tasks(report: TasksReport, options: TextOptions | None = None) -> str:
    """The whole screen, lines ending in a line feed, no trailing blanks."""
    sheet = Sheet(options or TextOptions())
    return draw((_headline(report, sheet), _trees(report, sheet)), sheet)


def _headline(report: TasksReport, sheet: Sheet) -> list[RenderableType]:
    text = Text(units.plural(report.count, "unfinished task"), style=STRONG)
    if report.stuck:
        text.append(f", {units.count(report.stuck)} stuck", style=STYLE_BY_VERDICT["LEAK"])
        text.append(": nothing that can still run would wake them", style="not bold")
    return [sheet.paragraph(text)]


def _trees(report: TasksReport, sheet: Sheet) -> list[RenderableType]:
    shown = report.groups if sheet.options.show_all else report.groups[:_SHOWN]
    lines: list[RenderableType] = [_tree(group, sheet) for group in shown]
    if rest := report.groups[len(shown) :]:
        more = units.plural(sum(group.count for group in rest), "more task")
        lines.append(sheet.paragraph(Text(f"and {more}: --all shows them", style=QUIET)))
    return lines


def _tree(group: WaitGroup, sheet: Sheet) -> Tree:
    """A group with those that wait for it below."""
    root = Tree(_label(group, sheet), guide_style=QUIET)
    level = [(root, group)]
    for _ in range(_DEEPEST):
        level = [
            (tree.add(_label(child, sheet)), child)
            for tree, above in level
            for child in above.waiting
        ]
    for tree, above in level:
        if above.waiting:
            tree.add(Text("and more that wait for these", style=QUIET))
    return root


def _label(group: WaitGroup, sheet: Sheet) -> Group:
    words = _WORDS_BY_STATE[group.state][group.count != 1]
    text = Text(f"{units.count(group.count)} {words}", style=_STYLE_BY_STATE[group.state])
    if group.names:
        names = ", ".join(sheet.name(name) for name in group.names[:_NAMES])
        more = ", ..." if group.count > min(len(group.names), _NAMES) else ""
        text.append(f"  {names}{more}", style=f"not bold {QUIET}")
    below = [Text(sheet.sentence(frame)) for frame in group.stack]
    if group.wakers:
        below.append(Text(f"woken by {sheet.sentence(' or '.join(group.wakers))}", style=QUIET))
    return Group(text, *(Padding(line, (0, 0, 0, 2)) for line in below))
