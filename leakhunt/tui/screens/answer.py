"""An answer over a view: a title, a sentence, and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from leakhunt.tui import messages
from leakhunt.tui.widgets.columns import Column
from leakhunt.tui.widgets.rows import RowList, TextRows
from leakhunt.tui.widgets.words import Cell, name, sentence

_MOST_LINES = 24


@dataclass(frozen=True, slots=True)
class Answer:
    """What is shown.  Title and sentence raw, rows escaped."""

    title: str
    about: str
    rows: Sequence[Sequence[Cell]]
    copies: Sequence[str] = ()
    """What copying a row gives."""
    widths: tuple[int, ...] = (0,)


class AnswerScreen(ModalScreen[None]):
    """The answer; Esc closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "close"),
        Binding("y", "copy", "copy"),
    ]

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    def compose(self) -> ComposeResult:
        """Title, sentence, rows."""
        with Vertical(classes="dialog answer"):
            yield Static(name(self._answer.title, 300), classes="title", markup=False)
            yield Static(sentence(self._answer.about), classes="about", markup=False)
            yield RowList([Column("", width) for width in self._answer.widths])

    def on_mount(self) -> None:
        """Fill it."""
        rows = self.query_one(RowList)
        rows.styles.height = min(len(self._answer.rows), _MOST_LINES) or 1
        rows.show(TextRows([_named(row) for row in self._answer.rows]))
        rows.focus()

    def action_copy(self) -> None:
        """Copy the row."""
        at = self.query_one(RowList).cursor
        if at < len(self._answer.copies):
            self.app.post_message(messages.Copy(self._answer.copies[at]))


def _named(row: Sequence[Cell]) -> Sequence[Cell]:
    """Paths may be raw: escaping what is escaped already changes nothing."""
    return [
        (name(cell[0], 400), cell[1]) if isinstance(cell, tuple) and cell[0].strip() else cell
        for cell in row
    ]
