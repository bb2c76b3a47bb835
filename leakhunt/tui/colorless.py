"""The screens without colour (NO_COLOR): what colour says elsewhere, bold, dim and reverse say."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_REVERSED: Final = ("cursor", "primary", "scroll", "block-cursor-background")
"""Grounds that say where one is: the cursor, the tab that is shown, the scroll bar."""
_DIM: Final = ("quiet",)
_REVERSE, _FAINT = Style(reverse=True), Style(dim=True)


class Colorless(LineFilter):
    """Takes all colours out of the lines of a screen."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """``variables``: the colours of the theme, by name."""
        super().__init__()
        self._reversed = _colors(variables, _REVERSED)
        self._dim = _colors(variables, _DIM)
        self._style = lru_cache(4096)(self._made)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """The same text."""
        return [
            Segment(text, None if style is None else self._style(style), control)
            for text, style, control in segments
        ]

    def _made(self, style: Style) -> Style:
        plain = style.without_color
        if style.bgcolor is not None and style.bgcolor.get_truecolor() in self._reversed:
            return plain + _REVERSE
        if style.color is not None and style.color.get_truecolor() in self._dim:
            return plain + _FAINT
        return plain


def _colors(variables: Mapping[str, str], names: tuple[str, ...]) -> frozenset[object]:
    known = [Color.parse(variables[name]) for name in names if name in variables]
    return frozenset(color.rich_color.get_truecolor() for color in known)
