"""Words in a place whose height never changes."""

from __future__ import annotations

from textual.visual import VisualType
from textual.widgets import Static


class Lines(Static):
    """Text that is never markup; other words need no new layout of the screen."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__("", id=id, classes=classes, markup=False)

    def update(self, content: VisualType = "", *, layout: bool = False) -> None:
        """Show other words."""
        super().update(content, layout=layout)
