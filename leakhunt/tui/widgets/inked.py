"""Widgets that draw their own lines with the inks of the theme."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.scroll_view import ScrollView
from textual.widget import Widget

from leakhunt.tui.theme import INKS


class Inked(Widget):
    """Gives the styles of the inks; ``app.tcss`` says what they look like."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(INKS)

    def ink(self, name: str) -> Style:
        """The style of ``ink--name``; the empty name is the widget's own."""
        if not name:
            return self.rich_style
        # Plain until the stylesheet was applied for the first time.
        return self.get_component_rich_style(f"ink--{name}", partial=True, default=Style.null())


class InkedScroll(ScrollView, Inked, can_focus=True):
    """The same for a widget that scrolls."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(INKS)
