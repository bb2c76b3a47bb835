"""What a document says and in which order, before it is Markdown or HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import RenderableType
from rich.text import Text

import leakhunt
from leakhunt.analysis.bill import Bill
from leakhunt.detectors.base import Finding
from leakhunt.report import units
from leakhunt.report.document.runs import Line, Role, Run, lines_of
from leakhunt.report.growth_order import growing
from leakhunt.report.model import Report
from leakhunt.report.text import findings as on_screen
from leakhunt.report.text import growth, head, native, tail, trend, waste_screen, workers
from leakhunt.report.text.bill import HEADINGS, TITLE_BY_PART
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import Sheet, TextOptions

_WIDTH: Final = 110
_GROWTH_ROWS: Final = 100
_TREE_LABEL: Final = "path"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A few lines with a label beside them."""

    label: str
    lines: tuple[Line, ...]
    is_drawn: bool = False
    """The lines draw a tree: blanks count."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; a column of numbers is aligned at its right."""

    titles: tuple[str, ...]
    is_number: tuple[bool, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True, slots=True)
class Portion:
    """One part of a bar."""

    name: str
    title: str
    bytes: int
    share: float
    """Of the longest bar of the document, in percent."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The memory bill of one moment, as a bar."""

    label: str
    rss_bytes: int
    portions: tuple[Portion, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One finding."""

    rank: int
    verdict: str
    """``leak``, ``suspect``, ``no leak`` or ``known``."""
    is_minor: bool
    """Noise, accepted, or no leak: there, but not in the way."""
    category: str
    confidence: str
    fingerprint: str
    title: tuple[Line, ...]
    rows: tuple[Labelled, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """The whole document, in order."""

    verdict: str
    """LEAK, SUSPECT or NOT."""
    word: str
    """What the verdict is called in words."""
    said: Line
    errors: tuple[str, ...]
    facts: tuple[Labelled, ...]
    bars: tuple[Bar, ...]
    memory: Table | None
    whose: tuple[str, ...]
    workers: str
    """Drawn in letters; empty unless there were several processes."""
    overview: Table | None
    findings: tuple[Block, ...]
    growth: Table | None
    growth_note: str
    drawings: tuple[tuple[str, str], ...]
    """Sections drawn in letters, with their titles."""
    grounds: tuple[Labelled, ...]
    made_by: str

    @property
    def legend(self) -> tuple[tuple[str, str], ...]:
        """Name and title of each part that is in a bar, in the order of a bill."""
        shown = {portion.name for bar in self.bars for portion in bar.portions}
        return tuple(item for item in TITLE_BY_PART.items() if item[0] in shown)

    @property
    def minor_count(self) -> int:
        """Findings that need nothing done."""
        return sum(block.is_minor for block in self.findings)


def outline(report: Report) -> Outline:
    """All of a report in the order of the screen.  Linear in what is shown, plus one sort."""
    sheet = Sheet(TextOptions(width=_WIDTH, show_all=True, hints=False))
    word, _, said = head.headline(report)
    facts = [("target", head.target(report, sheet)), ("load", head.load(report, sheet))]
    blocks = _blocks(report, sheet)
    table, note = _growth(report, sheet)
    return Outline(
        verdict=report.verdict,
        word=word,
        said=lines_of(said)[0],
        errors=tuple(sheet.sentence(error) for error in report.errors),
        facts=_labelled(facts),
        bars=_bars(report),
        memory=_memory(report, sheet),
        whose=tuple(head.whose(report)),
        workers=_drawn([workers.section(report, sheet)], sheet),
        overview=_overview(report, sheet) if len(blocks) > 1 else None,
        findings=blocks,
        growth=table,
        growth_note=note,
        drawings=tuple(_drawings(report, sheet)),
        grounds=_labelled(tail.ground_rows(report, sheet)),
        made_by=f"leakhunt {leakhunt.__version__}",
    )


def _labelled(rows: Sequence[tuple[str, Text]]) -> tuple[Labelled, ...]:
    return tuple(
        Labelled(label, lines_of(text), is_drawn=label == _TREE_LABEL)
        for label, text in rows
        if text.plain
    )


# --- memory ----------------------------------------------------------------------------------


def _bars(report: Report) -> tuple[Bar, ...]:
    longest = max((_length(bill) for bill in report.bills.values()), default=0)
    if not longest:
        return ()
    return tuple(
        Bar(label, bill.rss_bytes, tuple(_portions(bill, longest)))
        for label, bill in report.bills.items()
    )


def _length(bill: Bill) -> int:
    return sum(max(part.bytes or 0, 0) for part in bill.parts)


def _portions(bill: Bill, longest: int) -> list[Portion]:
    return [
        Portion(part.name, TITLE_BY_PART[part.name], part.bytes, 100 * part.bytes / longest)
        for part in bill.parts
        if part.bytes is not None and part.bytes > 0
    ]


def _memory(report: Report, sheet: Sheet) -> Table | None:
    rows = head.memory_rows(report)
    if not rows:
        return None
    used = [i for i in range(1, len(HEADINGS)) if any(row[i] for row in rows)]
    return Table(
        titles=("", *(HEADINGS[i] for i in used)),
        is_number=(False, *(True for _ in used)),
        rows=tuple((_name_of(row[0], sheet), *(_cell(row[i]) for i in used)) for row in rows),
    )


def _name_of(title: str, sheet: Sheet) -> Line:
    """A part of the process RSS is quieter than the RSS."""
    role = Role.QUIET if title.startswith(" ") else Role.PLAIN
    return (Run(sheet.sentence(title.strip()), role),)


def _cell(text: str, role: Role = Role.PLAIN) -> Line:
    return (Run(text, role),) if text else ()


# --- findings --------------------------------------------------------------------------------


def _ranked(report: Report) -> list[Finding]:
    return sorted(report.findings, key=lambda finding: finding.rank)


def _blocks(report: Report, sheet: Sheet) -> tuple[Block, ...]:
    return tuple(
        Block(
            rank=finding.rank,
            verdict=on_screen.verdict_word(finding).lower(),
            is_minor=not on_screen.deserves_detail(finding),
            category=str(finding.category),
            confidence=f"{finding.confidence:.0%}".replace("%", " %"),
            fingerprint=sheet.name(finding.fingerprint, 16),
            title=lines_of(on_screen.title(finding, sheet)),
            rows=_labelled(on_screen.rows(finding, sheet)),
        )
        for finding in _ranked(report)
    )


def _overview(report: Report, sheet: Sheet) -> Table | None:
    found = [one for one in _ranked(report) if on_screen.deserves_detail(one)]
    if not found:
        return None
    return Table(
        titles=("", "verdict", "holder", "category", "per cycle", "frees"),
        is_number=(True, False, False, False, True, True),
        rows=tuple(
            (
                _cell(str(one.rank)),
                _cell(on_screen.verdict_word(one), Role.STRONG),
                _cell(sheet.name(one.holder.path), Role.NAME),
                _cell(str(one.category)),
                _cell(_size(one.bytes_per_cycle, signed=True)),
                _cell(_size(one.retained_bytes)),
            )
            for one in found
        ),
    )


def _size(value: float | None, *, signed: bool = False) -> str:
    return "" if value is None else units.size(value, signed=signed)


# --- what grows, and the rest ----------------------------------------------------------------


def _growth(report: Report, sheet: Sheet) -> tuple[Table | None, str]:
    """The types that grew most, and a sentence on those left out."""
    rows = growing(report.growth)
    shown = rows[:_GROWTH_ROWS]
    if not shown:
        return None, ""
    columns = [
        column for column in growth.columns_of(report) if any(column.value(row) for row in shown)
    ]
    table = Table(
        titles=("type", *(f"{column.group} {column.title}".strip() for column in columns)),
        is_number=(False, *(True for _ in columns)),
        rows=tuple(
            (
                _cell(sheet.name(row.type), Role.NAME),
                *(_cell(column.cell(row, "")) for column in columns),
            )
            for row in shown
        ),
    )
    words = "B is the baseline, L loaded, F final; K, M and G are KiB, MiB and GiB."
    if rest := rows[_GROWTH_ROWS:]:
        more = units.size(sum(row.bytes_delta for row in rest), signed=True)
        words = f"{units.plural(len(rest), 'more type')} grew ({more}). {words}"
    return table, words


def _drawings(report: Report, sheet: Sheet) -> list[tuple[str, str]]:
    drawn: list[tuple[str, list[list[RenderableType]]]] = [
        ("Over time", [] if report.trend is None else trend.sections(report.trend, sheet)),
        ("Wasted", [] if report.waste is None else waste_screen.sections(report.waste, sheet)),
        ("Held by C code", [native.section(report, sheet)]),
    ]
    texts = [(title, _drawn(sections, sheet)) for title, sections in drawn]
    return [(title, text) for title, text in texts if text]


def _drawn(sections: Sequence[list[RenderableType]], sheet: Sheet) -> str:
    return draw(sections, sheet).strip("\n")
