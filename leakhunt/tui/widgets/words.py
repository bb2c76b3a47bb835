"""Text from a target, fit for one place on the screen.

Nothing here is markup: what a widget draws are segments or :class:`Content`, never parsed.
"""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from leakhunt.report.escape import ELLIPSIS, elide, escape

Span = tuple[str, str]
"""A text and its ink (``theme.INKS``)."""
Cell = str | Span | list[Span]
"""What stands in one column: a text, a text and its ink, or several of these."""


def plain(cell: Cell) -> str:
    """The text of a cell, whatever its inks."""
    spans = cell if isinstance(cell, list) else [cell]
    return "".join(span if isinstance(span, str) else span[0] for span in spans)


def name(raw: str, limit: int = 160) -> str:
    """A name of the target, safe to show and never invisible."""
    return escape(raw if raw.strip(" ") else f"'{raw}'", limit=limit)


def sentence(raw: str, limit: int = 600) -> str:
    """A sentence of ours that may quote names of the target."""
    return escape(raw, limit=limit)


def fit(shown: str, cells: int) -> str:
    """An escaped text in at most ``cells`` columns, its middle left out if need be.

    O(cells): a wide character takes two columns, so twice as few of them fit.
    """
    if len(shown) <= cells and (shown.isascii() or cell_len(shown) <= cells):
        return shown
    shown = elide(shown, max(cells, 0))
    while cell_len(shown) > cells and len(shown) > 1:
        shown = elide(shown, max(min(len(shown) - 1, cells), 0), ELLIPSIS)
        if len(shown) <= cells // 2 + 1:
            break
    return shown if cell_len(shown) <= cells else set_cell_size(shown, cells)


def cut(shown: str, cells: int) -> str:
    """An escaped text in at most ``cells`` columns, its end left out if need be."""
    if cell_len(shown) <= cells:
        return shown
    return set_cell_size(shown, max(cells - 1, 0)).rstrip() + ELLIPSIS


def padded(shown: str, cells: int, *, is_right: bool = False) -> str:
    """An escaped text in exactly ``cells`` columns."""
    shown = fit(shown, cells)
    blanks = " " * (cells - cell_len(shown))
    return blanks + shown if is_right else shown + blanks
