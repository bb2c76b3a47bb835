"""Widgets that draw their own lines with the inks of the theme."""

from __future__ import annotations

from typing import cast

from rich.style import Style
from textual.app import App
from textual.scroll_view import ScrollView
from textual.widget import Widget

from leakhunt.tui.theme import inks_of

_BY_THEME: dict[tuple[str, ...], dict[str, Style]] = {}
"""Styles by the variables they were made of: all widgets share them."""


class Inked(Widget):
    """Gives the styles of the inks (``theme.INKS``)."""

    def ink(self, name: str) -> Style:
        """The style of an ink; the empty name is the widget's own."""
        return _inks(cast("App[None]", self.app))[name] if name else self.rich_style


class InkedScroll(ScrollView, Inked, can_focus=True):
    """The same for a widget that scrolls."""


def _inks(app: App[None]) -> dict[str, Style]:
    key = (app.theme, app.theme_variables["background"])
    found = _BY_THEME.get(key)
    if found is None:
        found = _BY_THEME[key] = inks_of(app.theme_variables)
    return found
