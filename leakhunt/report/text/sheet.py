"""What the parts of the screen share: options, symbols, styles, and the escaping of names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from leakhunt.detectors.base import HolderInfo
from leakhunt.report import units
from leakhunt.report.escape import elide, escape
from leakhunt.report.growth_order import DEFAULT_SORT

MIN_WIDTH: Final = 50
MAX_WIDTH: Final = 160
PROSE_WIDTH: Final = 110
"""Longer lines of prose are hard to follow, however wide the terminal is."""

LABEL_WIDTH: Final = 8
MARGIN: Final = 1

_SENTENCE_LIMIT: Final = 500
_NAME_LIMIT: Final = 160

STYLE_BY_VERDICT: Final = {"LEAK": "bold red", "SUSPECT": "bold yellow", "NOT": "bold green"}
HOLDER_STYLE: Final = "bold cyan"
LABEL_STYLE: Final = "dim"
ADVICE_STYLE: Final = "green"
STRONG: Final = "bold"
QUIET: Final = "dim"


@dataclass(frozen=True, slots=True)
class TextOptions:
    """How the screen is drawn."""

    width: int = 80
    """Columns; held between 50 and 160."""
    color: bool = False
    ascii_only: bool = False
    """No character of ours outside ASCII (names of the target keep theirs)."""
    sort: str = DEFAULT_SORT
    """Order of the growth table, one of growth_order.SORT_KEYS."""
    top: int = 10
    """Types in the growth table."""
    show_all: bool = False
    """Every type and every finding in full."""
    hints: bool = True
    """End with what can be done next."""


@dataclass(frozen=True, slots=True)
class Symbols:
    """The characters we draw with."""

    arrow: str
    bullet: str
    rule: str
    branch: str
    mark: str
    ellipsis: str
    dot: str
    nothing: str


_UNICODE: Final = Symbols("→", "•", "─", "└─ ", "◀ ", "…", " · ", "·")
_ASCII: Final = Symbols("->", "*", "-", "`- ", "< ", "...", ", ", "-")


class Sheet:
    """The page being drawn on."""

    def __init__(self, options: TextOptions) -> None:
        self.options = options
        self.width = min(max(options.width, MIN_WIDTH), MAX_WIDTH)
        self.symbols = _ASCII if options.ascii_only else _UNICODE

    def name(self, raw: str, limit: int = _NAME_LIMIT) -> str:
        """A name of the target, safe to show and never invisible."""
        if not raw.strip(" "):
            raw = f"'{raw}'"
        return escape(raw, limit=limit, ellipsis=self.symbols.ellipsis)

    def sentence(self, raw: str) -> str:
        """A sentence of ours that may quote names of the target."""
        return escape(raw, limit=_SENTENCE_LIMIT, ellipsis=self.symbols.ellipsis)

    def fit(self, raw: str, cells: int) -> str:
        """A name in at most ``cells`` columns, its middle left out if need be."""
        shown = self.name(raw, max(cells, 1))
        while cell_len(shown) > cells and shown:  # wide characters take two columns
            shown = elide(shown, max(len(shown) - 1, 0), self.symbols.ellipsis)
            if len(shown) <= 1:
                break
        return shown

    def sizes(self, holder: HolderInfo) -> str:
        """``45 → 245 entries``; the loaded size only where it differs from both."""
        before, loaded, after = holder.size_baseline, holder.size_loaded, holder.size_final
        if after is None and loaded is None:
            return ""
        steps = [before if before is not None else 0, loaded, after]
        kept = [step for step in steps if step is not None]
        if len(kept) == 3 and kept[1] in (kept[0], kept[2]):
            kept = [kept[0], kept[2]]
        arrow = f" {self.symbols.arrow} "
        new = " (new)" if before is None else ""
        return arrow.join(units.count(step) for step in kept) + " entries" + new

    def labelled(self, rows: list[tuple[str, Text]], indent: int = MARGIN) -> Padding:
        """A column of quiet labels and, beside it, text that wraps under itself."""
        width = min(self.width, PROSE_WIDTH)
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=LABEL_WIDTH, no_wrap=True, style=LABEL_STYLE)
        grid.add_column(width=width - indent - LABEL_WIDTH - 1, overflow="fold")
        for label, text in rows:
            grid.add_row(label, text)
        return Padding(grid, (0, 0, 0, indent))

    def paragraph(self, text: Text, indent: int = MARGIN) -> Padding:
        """Text that wraps, indented."""
        beyond = self.width - min(self.width, PROSE_WIDTH)
        text.overflow = "fold"
        return Padding(text, (0, beyond, 0, indent))


def join_words(words: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]
