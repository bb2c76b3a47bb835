"""Search everywhere, as you type; Enter goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from leakhunt.tui import messages
from leakhunt.tui.model.search import Hit, search
from leakhunt.tui.screens.workers import careful
from leakhunt.tui.widgets.columns import Column
from leakhunt.tui.widgets.rows import RowList, TextRows
from leakhunt.tui.widgets.words import name, sentence

if TYPE_CHECKING:
    from leakhunt.tui.app import LeakhuntApp

_LEAST_ABOUT = 30


def _columns(width: int) -> tuple[Column, ...]:
    """What is found, and half the width for what there is to say of it."""
    about = max(width // 2 - 10, _LEAST_ABOUT)
    return Column("", 8), Column("found", least=30), Column("about", about, keep=1, is_prose=True)


class SearchScreen(ModalScreen[None]):
    """A field and what is found."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "close"),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._hits: list[Hit] = []
        self._is_answered = False
        """The hits are those of the text in the field."""
        self._is_entered = False
        """Enter was pressed before they were there."""

    def compose(self) -> ComposeResult:
        """The field, the hits."""
        with Vertical(classes="dialog search"):
            yield Input(
                placeholder="a finding, a type, a module, a path, an @address", compact=True
            )
            yield RowList(_columns(0))

    def on_mount(self) -> None:
        """The field has the keys; arrows move in the list all the same."""
        self.query_one(RowList).can_focus = False
        self.set_focus(self.query_one(Input))

    def on_resize(self) -> None:
        """Other widths."""
        rows = self.query_one(RowList)
        rows.set_columns(_columns(rows.size.width))

    @property
    def _own(self) -> LeakhuntApp:
        return cast("LeakhuntApp", self.app)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search anew; a search that still runs is forgotten."""
        self._is_answered = self._is_entered = False
        self._search(event.value)

    @work(thread=True, exclusive=True, group="search")
    @careful
    def _search(self, text: str) -> None:
        hits = search(self._own.case, self._own.heap, text)
        self._own.from_worker(self._show, text, hits)

    def _show(self, text: str, hits: list[Hit]) -> None:
        if not self.is_current or text != self.query_one(Input).value:
            return
        self._hits, self._is_answered = hits, True
        rows = [
            (
                (hit.kind, "quiet"),
                (name(hit.text, 200), "name"),
                (sentence(hit.about.replace("`", "")), "quiet"),
            )
            for hit in hits
        ]
        self.query_one(RowList).show(TextRows(rows))
        if self._is_entered and hits:
            self._go(hits[0])

    def action_move(self, by: int) -> None:
        """Up and down in the list."""
        self.query_one(RowList).action_move(by)

    def on_input_submitted(self) -> None:
        """Enter: go there; to the first hit when the search still runs."""
        if not self._is_answered:
            self._is_entered = True
            return
        at = self.query_one(RowList).cursor
        if at < len(self._hits):
            self._go(self._hits[at])

    def on_row_list_opened(self, message: RowList.Opened) -> None:
        """A click on the cursor."""
        if self._is_answered and message.index < len(self._hits):
            self._go(self._hits[message.index])

    def _go(self, hit: Hit) -> None:
        self.dismiss()
        if hit.node >= 0:
            self.app.post_message(messages.OpenNode(hit.node))
        elif hit.fingerprint:
            self.app.post_message(messages.OpenFinding(hit.fingerprint))
        elif hit.type_name:
            self.app.post_message(messages.OpenType(hit.type_name))
