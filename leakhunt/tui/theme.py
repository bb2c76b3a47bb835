"""Two calm themes, and the inks that all widgets write with."""

from __future__ import annotations

from typing import Final

from rich.terminal_theme import TerminalTheme
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

INKS: Final = frozenset(
    {
        "ink--quiet",  # labels, what is beside the point
        "ink--strong",
        "ink--name",  # paths and types
        "ink--leak",
        "ink--suspect",
        "ink--fine",  # no leak, freed, good news
        "ink--suspect-node",  # an object that a finding is about
        "ink--ignored",  # a retainer that is left out of account
        "ink--mark",  # what a person marked
        "ink--more",  # growth
        "ink--less",  # what shrank
        "ink--tab",  # the tab that is shown
        "ink--head",  # headings of columns
        "ink--head-sorted",
        "ink--cursor",
        "ink--cursor-away",  # the cursor of a list without the focus
        "ink--part-1", "ink--part-2", "ink--part-3", "ink--part-4", "ink--part-5",
        "ink--flame", "ink--flame-lib", "ink--flame-all", "ink--flame-current",
        "ink--part-6", "ink--part-7", "ink--part-8", "ink--part-9",
    }
)  # fmt: skip
"""Component classes of every widget that draws its own lines; ``app.tcss`` colours them."""
