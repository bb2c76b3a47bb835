"""A stack of calls and the source around one of its lines."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from leakhunt.analysis.code_line import CodeLine
from leakhunt.hunt.source import SourceLines
from leakhunt.tui.widgets.words import name, sentence

_LINE_LIMIT = 300
_TAB = "    "


class SourcePane(Static):
    """Text that is never markup: headings, the frames of a stack, lines of a file."""

    DEFAULT_CSS = """
    SourcePane { padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__("", id=id, markup=False)

    def show(
        self,
        heading: str,
        source: SourceLines | None = None,
        stack: Sequence[CodeLine] = (),
        notes: Sequence[str] = (),
    ) -> None:
        """Draw other things; the heading and the notes may quote names of the target.

        The lines of the file come before the stack, whose innermost frame comes first.
        """
        parts: list[Content] = [Content.styled(sentence(heading), "bold")]
        parts += [Content.styled(sentence(note), "dim") for note in notes if note]
        if source is not None:
            parts += _lines(source)
        parts += [_frame(frame, at) for at, frame in enumerate(reversed(stack))]
        self.update(Content("\n").join(parts))


def _lines(source: SourceLines) -> list[Content]:
    """Number and text of each line, the one that is meant with a sign."""
    found = [Content.styled(name(str(source.path)), "$primary")]
    width = len(str(source.first + len(source.lines)))
    for number, line in enumerate(source.lines, source.first):
        is_meant = number == source.at
        text = name(line.expandtabs(len(_TAB)), _LINE_LIMIT) if line.strip() else ""
        sign = "▶" if is_meant else " "
        style = "bold" if is_meant else "dim"
        found.append(Content.styled(f"{sign} {number:>{width}}  {text}", style))
    if source.note:
        found.append(Content.styled(sentence(source.note), "$warning"))
    return found


def _frame(frame: CodeLine, at: int) -> Content:
    arrow = "in " if at == 0 else "by "
    return Content.styled(f"{arrow}{sentence(str(frame))}", "" if at == 0 else "dim")
