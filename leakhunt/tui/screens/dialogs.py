"""Small questions over a view."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from leakhunt.tui.widgets.words import name as written

_CLOSE: list[BindingType] = [Binding("escape", "dismiss_none", "close", show=False)]


class _Dialog(ModalScreen[str | None]):
    BINDINGS: ClassVar[list[BindingType]] = _CLOSE

    def action_dismiss_none(self) -> None:
        """Esc: nothing was said."""
        self.dismiss(None)


def path_of(text: str) -> Path:
    """The file or directory that somebody typed; ``~`` stays where it means no home."""
    path = Path(text.strip())
    try:
        return path.expanduser()
    except RuntimeError:
        return path


class AskText(_Dialog):
    """A line of text; an empty one takes it away."""

    def __init__(self, title: str, text: str = "") -> None:
        super().__init__()
        self._title, self._text = written(title, 68), text

    def compose(self) -> ComposeResult:
        """A title and a field."""
        with Vertical(classes="dialog"):
            yield Static(self._title, markup=False, classes="caption")
            yield Input(self._text, compact=True)

    def on_mount(self) -> None:
        """What is typed goes into the field."""
        self.set_focus(self.query_one(Input))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: that is it."""
        self.dismiss(event.value)


_VERDICTS = (
    ("", "as the detectors say"),
    ("LEAK", "LEAK: it grows and nothing will end that"),
    ("SUSPECT", "SUSPECT: I do not know yet"),
    ("NOT", "no leak: it is meant to be so"),
)


class AskVerdict(_Dialog):
    """One of the verdicts; the empty one gives the detectors their say back."""

    def __init__(self, title: str, current: str = "") -> None:
        super().__init__()
        self._title, self._current = written(f"Your verdict on {title}", 68), current

    def compose(self) -> ComposeResult:
        """A title and the choices."""
        with Vertical(classes="dialog"):
            yield Static(self._title, markup=False, classes="caption")
            yield OptionList(*(Option(text) for _, text in _VERDICTS), compact=True)

    def on_mount(self) -> None:
        """The cursor on what holds now."""
        choices = [verdict for verdict, _ in _VERDICTS]
        self.query_one(OptionList).highlighted = choices.index(self._current)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter: that is it."""
        self.dismiss(_VERDICTS[event.option_index][0])
