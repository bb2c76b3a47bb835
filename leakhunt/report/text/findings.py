"""The findings: a numbered sentence each, and below it what proves it and what ends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from leakhunt.detectors.base import Finding, HolderInfo, LeakedType, Verdict
from leakhunt.report import units
from leakhunt.report.model import Report
from leakhunt.report.text import path_tree
from leakhunt.report.text.sheet import (
    ADVICE_STYLE,
    HOLDER_STYLE,
    LABEL_WIDTH,
    MARGIN,
    PROSE_WIDTH,
    QUIET,
    STRONG,
    STYLE_BY_VERDICT,
    Sheet,
    join_words,
)
from leakhunt.report.text.sites import site_lines

_INDENT: Final = 4
_IN_FULL: Final = 5
"""Findings shown with all their evidence; the others take a sentence."""
_IN_BRIEF: Final = 10
VERDICT_WORDS: Final = {
    Verdict.LEAK: "LEAK",
    Verdict.SUSPECT: "SUSPECT",
    Verdict.NOT: "no leak",
}
_LEAKED_TYPES: Final = 3
_PIDS: Final = 8
_LINES: Final = 6
"""Sites, co-holders and pieces of evidence shown of one finding."""


def sections(report: Report, sheet: Sheet) -> list[list[RenderableType]]:
    """One section a finding, worst first; then one for those left out."""
    every = sheet.options.show_all
    found = sorted(report.findings, key=lambda finding: finding.rank)
    full = found if every else [one for one in found if deserves_detail(one)][:_IN_FULL]
    brief = [one for one in found if one not in full]
    shown = [in_full(finding, sheet) for finding in full]
    if brief:
        shown.append([_in_brief(brief[:_IN_BRIEF], sheet)])
    if rest := brief[_IN_BRIEF:]:
        more = units.plural(len(rest), "more finding")
        shown.append([sheet.paragraph(Text(f"and {more}: --all shows them", style=QUIET))])
    return shown


def in_full(finding: Finding, sheet: Sheet) -> list[RenderableType]:
    """All that is known of one finding."""
    return [
        _heading(finding, sheet),
        sheet.paragraph(title(finding, sheet), indent=_INDENT),
        Text(),
        sheet.labelled(rows(finding, sheet), indent=_INDENT),
    ]


def deserves_detail(finding: Finding) -> bool:
    """Whether it is worth more than a sentence."""
    return finding.verdict != Verdict.NOT and finding.noise is None and finding.known is None


def verdict_word(finding: Finding) -> str:
    """What stands before a finding; an accepted one is called known."""
    return "known" if finding.known is not None else VERDICT_WORDS[finding.verdict]


def verdict_style(finding: Finding) -> str:
    """The style of that word."""
    return QUIET if finding.known is not None else STYLE_BY_VERDICT[finding.verdict]


def _in_brief(findings: Sequence[Finding], sheet: Sheet) -> RenderableType:
    """A number, a verdict, the sentence, and below it what to do, or why it is no leak."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(justify="right", style=STRONG, no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for finding in findings:
        what = Text(verdict_word(finding), style=verdict_style(finding))
        what.append(f" {finding.category}", style="not bold default")
        text = title(finding, sheet)
        is_leak = finding.verdict == Verdict.LEAK and finding.noise is None
        is_alarm = is_leak and finding.known is None
        why = (finding.known or finding.reason, finding.noise)
        for more in (finding.advice,) if is_alarm else why:
            if more:
                style = ADVICE_STYLE if is_alarm else QUIET
                text.append(f"\n{_capital(sheet.sentence(more))}", style=style)
        grid.add_row(str(finding.rank), what, text)
    return Padding(grid, (0, sheet.width - min(sheet.width, PROSE_WIDTH), 0, MARGIN))


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _heading(finding: Finding, sheet: Sheet) -> Text:
    """``── 1  LEAK  listener ────────── confidence 98 %, 3f2a91bc5d7e8f01 ──``."""
    rule = sheet.symbols.rule
    left = Text(f"{rule * 2} ", style=QUIET)
    left.append(f"{finding.rank}", style="not dim bold")
    left.append("  ")
    left.append(verdict_word(finding), style=f"not dim {verdict_style(finding)}")
    left.append("  ")
    left.append(f"{finding.category}", style="not dim")
    right = f" confidence {finding.confidence:.0%}".replace("%", " %")
    right += f", {sheet.name(finding.fingerprint, 16)} {rule * 2}"
    width = min(sheet.width, PROSE_WIDTH)
    left.append(" " + rule * max(width - left.cell_len - 1 - cell_len(right), 2))
    left.append(right)
    left.no_wrap, left.overflow = True, "crop"
    return left


def title(finding: Finding, sheet: Sheet) -> Text:
    """The sentence, its holder and its leaked types standing out."""
    text = Text(sheet.sentence(finding.title))
    for leaked in finding.leaked:
        _stylize(text, sheet.name(leaked.type), STRONG)
    _stylize(text, sheet.name(finding.holder.path), HOLDER_STYLE)
    return text


def _stylize(text: Text, part: str, style: str) -> None:
    start = text.plain.find(part) if part.strip() else -1
    if start >= 0:
        text.stylize(style, start, start + len(part))


def rows(finding: Finding, sheet: Sheet) -> list[tuple[str, Text]]:
    """What proves a finding and what ends it, by label; those with nothing to say left out."""
    holder = Text() if path_tree.shows_holder(finding) else _holder(finding.holder, sheet)
    labelled = [
        ("holder", holder),
        ("path", _path(finding, sheet)),
        ("also by", _co_holders(finding.co_holders, sheet)),
        ("leaked", _leaked(finding.leaked, sheet)),
        ("rate", _rate(finding)),
        ("workers", _workers(finding)),
        ("why", Text(sheet.sentence(finding.reason))),
        ("proof", _evidence(finding, sheet)),
        ("made at", _limited(site_lines(finding.sites, sheet))),
        ("known", Text(sheet.sentence(finding.known or ""))),
        ("noise", Text(sheet.sentence(finding.noise or ""))),
        ("frees", _frees(finding)),
        ("do", Text(sheet.sentence(finding.advice), style=ADVICE_STYLE)),
    ]
    return [(label, text) for label, text in labelled if text.plain]


def _holder(holder: HolderInfo, sheet: Sheet, style: str = HOLDER_STYLE) -> Text:
    text = Text(sheet.name(holder.path), style="")
    text.stylize(style)
    text.append(f"  {sheet.name(holder.type)}", style=QUIET)
    if sizes := sheet.sizes(holder):
        text.append(f", {sizes}", style=QUIET)
    return text


def _leaked(leaked: Sequence[LeakedType], sheet: Sheet) -> Text:
    words = [
        f"{f'{units.count(one.count)} ' * bool(one.count)}{sheet.name(one.type)} "
        f"({units.size(one.shallow_bytes)})"
        for one in leaked[:_LEAKED_TYPES]
    ]
    if rest := leaked[_LEAKED_TYPES:]:
        bytes_more = units.size(sum(one.shallow_bytes for one in rest))
        words.append(f"{units.plural(len(rest), 'more type')} ({bytes_more})")
    return Text(join_words(words))


def _rate(finding: Finding) -> Text:
    """Growth in each cycle, unless the sentence says it."""
    if "per cycle" in finding.title:
        return Text()
    words = []
    if finding.count_per_cycle is not None:
        things = "object" if abs(finding.count_per_cycle) == 1 else "objects"
        words.append(f"{units.count(finding.count_per_cycle, signed=True)} {things}")
    if finding.bytes_per_cycle is not None:
        words.append(units.size(finding.bytes_per_cycle, signed=True))
    return Text(f"{join_words(words)} per cycle" if words else "", style=STRONG)


def _workers(finding: Finding) -> Text:
    """``7 of 8 (pid 4243, 4244 ...)``: in how many processes it was found."""
    share = finding.workers
    if share is None:
        return Text()
    text = Text(f"{share.count:,} of {share.of:,}", style="")
    text.stylize(STRONG)
    shown = ", ".join(str(pid) for pid in share.pids[:_PIDS])
    more = f" and {len(share.pids) - _PIDS:,} more" if len(share.pids) > _PIDS else ""
    return text.append(f" (pid {shown}{more}); numbers are sums over them", style=QUIET)


def _frees(finding: Finding) -> Text:
    retained, exclusive = finding.retained_bytes, finding.exclusive_bytes
    text = _lets_go(retained, exclusive)
    share = finding.shared_bytes
    if retained is not None and share is not None and share < min(retained, exclusive or retained):
        text.append(f"; its part of what several findings hold: {units.size(share)}")
    return text


def _lets_go(retained: int | None, exclusive: int | None) -> Text:
    if retained is None:
        return Text("" if exclusive is None else f"{units.size(exclusive)} if this holder lets go")
    text = Text(units.size(retained), style="")
    text.stylize(STRONG)
    if exclusive is None:
        return text.append(" when they go")
    if exclusive >= retained:
        return text.append(", all of it once this holder lets go")
    if exclusive == 0:
        return text.append(" when every holder lets go; nothing by this one alone")
    return text.append(f" when every holder lets go, {units.size(exclusive)} by this one alone")


def _path(finding: Finding, sheet: Sheet) -> Text:
    width = min(sheet.width, PROSE_WIDTH) - _INDENT - LABEL_WIDTH - 1
    return path_tree.draw(finding, sheet, width)


def _co_holders(holders: Sequence[HolderInfo], sheet: Sheet) -> Text:
    return _limited([_holder(holder, sheet, "cyan") for holder in holders])


def _evidence(finding: Finding, sheet: Sheet) -> Text:
    """What proves it, without what the row of leaked types has said."""
    said = {f"{one.count:,} `{one.type}`, {one.shallow_bytes:,} bytes" for one in finding.leaked}
    new = [one for one in finding.evidence if sheet.options.show_all or one not in said]
    return _lines(new, sheet, bullet=f"{sheet.symbols.bullet} " if len(new) > 1 else "")


def _lines(sentences: Sequence[str], sheet: Sheet, bullet: str = "") -> Text:
    return _limited([Text(f"{bullet}{sheet.sentence(one)}") for one in sentences if one])


def _limited(lines: list[Text]) -> Text:
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], Text(f"and {len(lines) - _LINES:,} more", style=QUIET)]
    return Text("\n").join(lines)
