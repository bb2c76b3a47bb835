"""Two calm themes, and the inks that all widgets write with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.color import Color as RichColor
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.color import Color
from textual.theme import Theme

DARK: Final = Theme(
    name="leakhunt-dark",
    primary="#7aa2c9",
    secondary="#8fb3a3",
    accent="#d9b36c",
    warning="#d9a860",
    error="#d97a74",
    success="#86b58a",
    foreground="#cfd4da",
    background="#15181c",
    surface="#15181c",
    panel="#22272e",
    dark=True,
    # Mixed beforehand: lines that we draw ourselves know no transparency.
    variables={
        "quiet": "#8b949e",
        "cursor": "#2c4158",
        "cursor-away": "#242b33",
        "gray-1": "#8b949e",
        "gray-2": "#666e78",
        "gray-3": "#4b525b",
        "gray-4": "#353b43",
        "scroll": "#3a424c",
    },
)
LIGHT: Final = Theme(
    name="leakhunt-light",
    primary="#2f6690",
    secondary="#3a7563",
    accent="#8a5a00",
    warning="#96650a",
    error="#b3362d",
    success="#2e7237",
    foreground="#24292f",
    background="#fbfaf7",
    surface="#fbfaf7",
    panel="#e9e6de",
    dark=False,
    variables={
        "quiet": "#6c737a",
        "cursor": "#cfe1f0",
        "cursor-away": "#e7e4dc",
        "gray-1": "#84898f",
        "gray-2": "#a3a7ab",
        "gray-3": "#c0c2c3",
        "gray-4": "#d8d7d2",
        "scroll": "#c5c2b9",
    },
)
# What the parts of the text reports that we show (report/text) call red, green ...
_GROUND_DARK, _LETTER_DARK = (21, 24, 28), (207, 212, 218)
_DARK_EIGHT = [
    (21, 24, 28), (217, 122, 116), (134, 181, 138), (217, 168, 96),
    (122, 162, 201), (176, 140, 190), (122, 162, 201), (207, 212, 218),
]  # fmt: skip
_GROUND_LIGHT, _LETTER_LIGHT = (251, 250, 247), (36, 41, 47)
_LIGHT_EIGHT = [
    (36, 41, 47), (179, 54, 45), (46, 114, 55), (150, 101, 10),
    (47, 102, 144), (125, 70, 140), (47, 102, 144), (108, 115, 122),
]  # fmt: skip
ANSI_DARK: Final = TerminalTheme(_GROUND_DARK, _LETTER_DARK, _DARK_EIGHT)
ANSI_LIGHT: Final = TerminalTheme(_GROUND_LIGHT, _LETTER_LIGHT, _LIGHT_EIGHT)

FALLBACK: Final = {
    "quiet": "#868686",
    "cursor": "#5b84ad",
    "cursor-away": "#7d8791",
    "gray-1": "#8e8e8e",
    "gray-2": "#7c7c7c",
    "gray-3": "#6a6a6a",
    "gray-4": "#585858",
    "scroll": "#787878",
}
"""The same for themes that are not ours."""
THEMES: Final = (DARK, LIGHT)

INKS: Final[dict[str, tuple[str, str, str]]] = {
    "quiet": ("quiet", "", ""),  # labels, what is beside the point
    "strong": ("", "", "bold"),
    "name": ("primary", "", ""),  # paths and references
    "leak": ("error", "", "bold"),
    "suspect": ("warning", "", "bold"),
    "suspect-node": ("warning", "", "underline"),  # an object that a finding is about
    "ignored": ("quiet", "", "strike"),  # a retainer that is left out of account
    "fine": ("success", "", ""),  # no leak, freed, good news
    "mark": ("accent", "", "bold"),  # what a person marked
    "less": ("success", "", ""),  # what shrank
    "tab": ("background", "primary", "bold"),  # the tab that is shown
    "head": ("quiet", "panel", ""),  # headings of columns
    "head-sorted": ("foreground", "panel", "bold"),
    "cursor": ("", "cursor", ""),
    "cursor-away": ("", "cursor-away", ""),  # the cursor of a list without the focus
    "part-1": ("primary", "", ""),
    "part-2": ("error", "", ""),
    "part-3": ("success", "", ""),
    "part-4": ("accent", "", ""),
    "part-5": ("secondary", "", ""),
    "part-6": ("gray-1", "", ""),
    "part-7": ("gray-2", "", ""),
    "part-8": ("gray-3", "", ""),
    "part-9": ("gray-4", "", ""),
    "flame": ("foreground", "cursor", ""),
    "flame-lib": ("quiet", "cursor-away", ""),
    "flame-all": ("foreground", "panel", ""),
    "flame-current": ("background", "primary", "bold"),
}
"""What our own lines are drawn with: letters and ground as variables of the theme, and more.

Not component classes of Textual: a stylesheet applied to thirty of them in every widget, at every
change of the focus, is what a person would wait for.
"""


def inks_of(variables: Mapping[str, str]) -> dict[str, Style]:
    """The styles of a theme with these variables, by name."""

    def color(name: str) -> RichColor | None:
        return Color.parse(variables[name]).rich_color if name else None

    return {
        name: Style(
            color=color(letters),
            bgcolor=color(ground),
            bold="bold" in more or None,
            underline="underline" in more or None,
            strike="strike" in more or None,
        )
        for name, (letters, ground, more) in INKS.items()
    }
