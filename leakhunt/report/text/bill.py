"""The memory bill as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leakhunt.analysis import bill as names
from leakhunt.analysis.bill import Bill
from leakhunt.report import units

Row = tuple[str, str, str, str, str]
"""Title, baseline, loaded, final and change."""
HEADINGS: Row = ("", "baseline", "loaded", "final", "change")

TITLE_BY_PART = {
    names.LIVE: "live objects",
    names.GARBAGE: "garbage",
    names.FREE: "allocator-free",
    names.NATIVE: "native (malloc)",
    names.MAPPED: "native (mmap)",
    names.FILES: "mapped files",
    names.STACKS: "thread stacks",
    names.OWN: "leakhunt itself",
    names.UNEXPLAINED: "unexplained",
}
_WORTH_A_ROW_BYTES = 1 << 16


def bill_rows(bills: Mapping[str, Bill], columns: Sequence[str]) -> list[Row]:
    """One row for each part that is known and large enough to matter somewhere."""
    rows = []
    for part, title in TITLE_BY_PART.items():
        values = [bills[label].part(part) if label in bills else None for label in columns]
        if max((abs(value) for value in values if value is not None), default=0) < (
            _WORTH_A_ROW_BYTES
        ):
            continue
        cells = ["" if value is None else units.size(value) for value in values]
        first, last = values[0], values[-1]
        change = "" if first is None or last is None else units.size(last - first, signed=True)
        rows.append((f" {title}", cells[0], cells[1], cells[2], change))
    return rows


def unknown_lines(bills: Mapping[str, Bill]) -> list[str]:
    """What the bill cannot know, each sentence once."""
    return list(dict.fromkeys(line for bill in bills.values() for line in bill.unknown))
