"""All keys, by what they are for."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from leakhunt.tui.keys import groups
from leakhunt.tui.widgets.columns import Column
from leakhunt.tui.widgets.rows import RowList, TextRows
from leakhunt.tui.widgets.words import Cell


class HelpScreen(ModalScreen[None]):
    """The help."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "close", show=False)
    ]

    def compose(self) -> ComposeResult:
        """A list: there may be more keys than lines."""
        with Vertical(classes="dialog help"):
            yield Static(Content("Keys"), classes="caption")
            yield RowList([Column("key", 9), Column("does")])

    def on_mount(self) -> None:
        """Fill it."""
        rows: list[tuple[Cell, ...]] = []
        for heading, keys in groups().items():
            rows.append((("", ""), (heading, "mark")))
            rows += [((key.written, "name"), key.does) for key in keys]
        self.query_one(RowList).show(TextRows(rows))
        self.query_one(RowList).focus()
