"""Case: the verdict, the rate, the memory by kind, and the findings as sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.console import Group
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Static

from leakhunt.detectors.base import Finding
from leakhunt.hunt.analyse import analyse_file
from leakhunt.report import units
from leakhunt.report.heap_model import HeapReport
from leakhunt.report.model import Report
from leakhunt.report.text import findings as finding_text
from leakhunt.report.text import head
from leakhunt.report.text.heap_screen import render_heap
from leakhunt.report.text.sheet import Sheet, TextOptions
from leakhunt.tui import keys, messages
from leakhunt.tui.model.case import Case
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.model.memory import parts_of, points_of
from leakhunt.tui.screens.noting import Noting
from leakhunt.tui.screens.view import View
from leakhunt.tui.screens.workers import careful
from leakhunt.tui.screens.writing import Writing
from leakhunt.tui.widgets.columns import Column
from leakhunt.tui.widgets.parts import PartsBar
from leakhunt.tui.widgets.rate import RatePlot
from leakhunt.tui.widgets.rows import RowList
from leakhunt.tui.widgets.words import Cell, sentence

_COLUMNS = (
    Column("#", 2, is_right=True),
    Column("", 1),
    Column("verdict", 8),
    Column("finding", least=44),
    Column("per cycle", 10, is_right=True, keep=2),
    Column("frees", 10, is_right=True, keep=3),
)
_PLACES = 30
_INK = {"LEAK": "leak", "SUSPECT": "suspect", "NOT": "fine"}


class _Findings:
    """Findings as rows."""

    def __init__(self, case: Case, findings: Sequence[Finding]) -> None:
        self._case, self.findings = case, findings

    def __len__(self) -> int:
        return len(self.findings)

    def cells(self, index: int) -> Sequence[Cell]:
        finding = self.findings[index]
        verdict, is_own = self._case.verdict_of(finding)
        word = "known" if finding.known else {"NOT": "no leak"}.get(verdict, verdict)
        notebook, key = self._case.notebook, finding.fingerprint
        sign = "●" if key in notebook.marks else "✎" if key in notebook.notes else ""
        freed = finding.exclusive_bytes if finding.shared_bytes is None else finding.shared_bytes
        rate = finding.bytes_per_cycle
        return (
            str(finding.rank),
            (sign, "mark"),
            (word + "*" * is_own, _INK.get(verdict, "quiet")),
            sentence(_short(finding.title)),
            ("" if rate is None else units.size(rate, signed=True), "quiet"),
            "" if freed is None else units.size(freed),
        )


_ASIDE = re.compile(r" \([^()]*\)|\bbuiltins\.|`")


def _short(title: str) -> str:
    """The sentence without what stands in other columns, and in full below the list."""
    return _ASIDE.sub("", title)


class CaseView(Noting, Writing, View):
    """The first screen."""

    NAME = "case"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings(
        "walk", "+population", "copy", "mark", "+note", "verdict", "assertion", "report", "export"
    )

    def body(self) -> ComposeResult:
        """Verdict, memory and rate, findings, and the finding under the cursor."""
        yield Static("", id="verdict", markup=False)
        with Horizontal(id="memory"):
            yield PartsBar(id="parts")
            yield RatePlot(id="rate")
        yield RowList(_COLUMNS, id="findings")
        with VerticalScroll(id="finding", can_focus=False):
            yield Static("", markup=False)

    def begin(self) -> None:
        """The findings have the keys."""
        super().begin()
        self.query_one(RowList).focus()

    def show_report(self, report: Report | None) -> None:
        """Draw it all."""
        is_there = report is not None
        for wanted in ("#memory", "#findings", "#finding"):
            self.query_one(wanted).display = is_there
        if report is None:
            return
        self._draw_verdict()
        self.query_one(PartsBar).show(*parts_of(report))
        x, y, ticks = points_of(report)
        self.query_one(RatePlot).show("Python objects", x, y, ticks)
        rows = self.query_one(RowList)
        rows.styles.max_height = len(report.findings) + 2
        rows.show(_Findings(self.case, report.findings), cursor=rows.cursor)
        self._draw_finding()

    def show_heap(self, heap: HeapView | None) -> None:
        """A single snapshot has no report: say what the heap holds."""
        if heap is not None and self.case.report is None and self.case.make_report is None:
            self._look_at_heap()

    @work(thread=True, exclusive=True, group="totals")
    @careful
    def _look_at_heap(self) -> None:
        path = self.case.final
        if path is not None:
            report = analyse_file(path, top=_PLACES, on_progress=self.own.tell)
            self.own.from_worker(self._show_overview, report)

    def _show_overview(self, report: HeapReport) -> None:
        options = TextOptions(width=self.size.width - 2, color=True, show_all=True, hints=False)
        drawn = Text.from_ansi(render_heap(report, options))
        self.query_one("#verdict").display = False
        page = self.query_one("#finding")
        page.display = True
        page.can_focus = True
        page.focus()
        self.query_one("#finding Static", Static).update(drawn)

    def on_resize(self) -> None:
        """Text wraps anew."""
        self._draw_verdict()
        self._draw_finding()

    def _draw_verdict(self) -> None:
        report = self.case.report
        if report is not None and self.size.width:
            sheet = self._sheet(self.size.width)
            lines = [*head.errors(report, sheet), *head.verdict(report, sheet)]
            self.query_one("#verdict", Static).update(Group(*lines))

    def _draw_finding(self) -> None:
        finding = self.finding
        if not self.size.width or self.case.report is None:
            return  # a single snapshot has a page of its own there
        if finding is None:
            self.query_one("#finding Static", Static).update("")
            return
        sheet = self._sheet(self.size.width - 2)
        lines = finding_text.in_full(finding, sheet)
        note = self.case.notebook.notes.get(finding.fingerprint)
        if note:
            lines.insert(1, sheet.labelled([("note", Text(sheet.sentence(note)))], indent=4))
        self.query_one("#finding Static", Static).update(Group(*lines))
        self.query_one("#finding").scroll_home(animate=False)

    @staticmethod
    def _sheet(width: int) -> Sheet:
        return Sheet(TextOptions(width=width, color=True, show_all=True, hints=False))

    # ---- the finding under the cursor ----

    @property
    def finding(self) -> Finding | None:
        """The finding under the cursor."""
        report, at = self.case.report, self.query_one(RowList).cursor
        findings = () if report is None else report.findings
        return findings[at] if at < len(findings) else None

    def written_about(self) -> Finding | None:
        """What tests and drawings are about."""
        return self.finding

    def noted(self) -> tuple[str, str] | None:
        """What marks and notes are about."""
        finding = self.finding
        return None if finding is None else (finding.fingerprint, finding.holder.path)

    def renote(self) -> None:
        """Show them."""
        self.query_one(RowList).refresh()
        self._draw_finding()

    def on_row_list_moved(self) -> None:
        """Another finding."""
        self._draw_finding()

    def on_row_list_opened(self) -> None:
        """Enter: its chain."""
        self.action_walk()

    def action_walk(self) -> None:
        """Walk the chain from its holder."""
        if self.finding is not None:
            self.post_message(messages.OpenFinding(self.finding.fingerprint))

    def action_population(self) -> None:
        """Walk the chain of all it leaked."""
        if self.finding is not None:
            self.post_message(messages.OpenFinding(self.finding.fingerprint, is_whole=True))

    def action_copy(self) -> None:
        """Copy the holder's path."""
        if self.finding is not None:
            self.post_message(messages.Copy(self.finding.holder.path))

    def place(self) -> dict[str, Any]:
        """The finding under the cursor."""
        return {} if self.finding is None else {"finding": self.finding.fingerprint}

    def restore(self, place: dict[str, Any]) -> None:
        """Back to that finding."""
        report = self.case.report
        for at, finding in enumerate(() if report is None else report.findings):
            if finding.fingerprint == place.get("finding"):
                self.query_one(RowList).cursor = at
