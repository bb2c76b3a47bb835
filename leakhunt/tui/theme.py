"""Two calm themes, and the inks that all widgets write with."""

from __future__ import annotations

from typing import Final

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
    surface="#191d22",
    panel="#22272e",
    dark=True,
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
    surface="#f5f3ee",
    panel="#e9e6de",
    dark=False,
)
THEMES: Final = (DARK, LIGHT)

INKS: Final = frozenset(
    {
        "ink--quiet",  # labels, what is beside the point
        "ink--strong",
        "ink--name",  # paths and types
        "ink--leak",
        "ink--suspect",
        "ink--fine",  # no leak, freed, good news
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
