"""Sites: where leaked objects were made, as lists and as a flame graph, with the source."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from leakhunt.analysis.call_tree import Call
from leakhunt.analysis.code_line import CodeLine
from leakhunt.detectors.base import Finding
from leakhunt.errors import LeakhuntError, UsageError
from leakhunt.hunt.sites import SiteTree, site_tree, tabulate_sites
from leakhunt.hunt.source import Sources
from leakhunt.report import units
from leakhunt.report.model import Report
from leakhunt.report.sites_model import SitesReport
from leakhunt.tui import keys, messages
from leakhunt.tui.cancelled import Cancelled
from leakhunt.tui.model.case import Case
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.model.sites import FindingSites, SampledSites
from leakhunt.tui.screens.view import View
from leakhunt.tui.screens.writing import Writing
from leakhunt.tui.widgets.columns import Column
from leakhunt.tui.widgets.flame import FlameGraph
from leakhunt.tui.widgets.lines import Lines
from leakhunt.tui.widgets.rows import RowList, TextRows
from leakhunt.tui.widgets.source_pane import SourcePane

_OF_FINDINGS = (
    Column("#", 3, is_right=True),
    Column("verdict", 8, keep=4),
    Column("function", least=24),
    Column("line", 36, keep=5),
    Column("known by", 18, keep=3),
    Column("bytes", 10, is_right=True, keep=4),
)
_SAMPLED = (
    Column("first", 8, is_right=True, keep=3),
    Column("last", 8, is_right=True),
    Column("change", 8, is_right=True),
    Column("95 %", 15, is_right=True, keep=2),
    Column("samples", 7, is_right=True, keep=1),
    Column("function", least=20),
    Column("line", 30, keep=4),
)
_PAGES: Final = ("findings", "sampled", "flame")
_SHOWN: Final = ("baseline", "loaded", "final")


class SitesView(Writing, View):
    """Three pages, and below them the source of what the cursor is on."""

    NAME = "sites"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings(
        "+flame", "+unit", "walk", "copy", "assertion", "report", "export"
    )

    def __init__(self) -> None:
        super().__init__()
        self._page = _PAGES[0]
        self._measure: Any = "growth"
        self._of_findings: FindingSites | None = None
        self._sampled: SampledSites | None = None
        self._why_not = ""
        """Why there are no samples."""
        self._sources = Sources()
        self._is_loaded = False

    def body(self) -> ComposeResult:
        """What is shown, the pages, the source."""
        yield Lines(classes="caption")
        yield RowList(_OF_FINDINGS)
        yield FlameGraph()
        with VerticalScroll(id="source", can_focus=False):
            yield SourcePane()

    def begin(self) -> None:
        """The list has the keys."""
        super().begin()
        self._turn_to(self._page)

    @property
    def _list(self) -> RowList:
        return self.query_one(RowList)

    @property
    def _flame(self) -> FlameGraph:
        return self.query_one(FlameGraph)

    # ---- what there is ----

    def show_report(self, report: Report | None) -> None:
        """Sites of the findings."""
        self._of_findings = None if report is None else FindingSites(self.case)
        self._turn_to(self._page)

    def show_heap(self, heap: HeapView | None) -> None:
        """The files can be read: look for samples; forget those of another case."""
        if heap is None:
            self._is_loaded, self._sampled, self._why_not = False, None, ""
            self._sources = Sources()
            self._flame.clear()
            self._turn_to(self._page)
        elif not self._is_loaded:
            self._is_loaded = True
            self._sources = Sources.of_header(heap.graph.columns.header)
            self._load()

    @work(thread=True, exclusive=True, group="sites")
    def _load(self) -> None:
        """Estimate and sum up all samples."""
        case = self.case
        paths = [path for label, path in case.files.items() if label in _SHOWN]
        try:
            report = tabulate_sites(paths)
            tree = site_tree(paths, measure=self._measure)
        except UsageError as error:
            self.own.from_worker(self._show_none, case, error)
            return
        except LeakhuntError as error:
            self.own.from_worker(self.own.fail, error)
            return
        except Cancelled:
            return
        self.own.from_worker(self._show, case, report, tree)

    def _show_none(self, case: Case, error: UsageError) -> None:
        """Nothing was sampled: only the findings know something."""
        if case is not self.case:
            return
        self._why_not = f"{error}; {error.hint}"
        if self._page != _PAGES[0]:
            self.own.say(self._why_not)
        self._turn_to(_PAGES[0])

    def _show(self, case: Case, report: SitesReport, tree: SiteTree) -> None:
        if case is not self.case:
            return
        self._sampled, self._why_not = SampledSites(report), ""
        self._flame.show(tree.root)
        self._turn_to(self._page)

    # ---- pages ----

    def _turn_to(self, page: str) -> None:
        self._page = page
        is_flame = page == "flame"
        self._list.display, self._flame.display = not is_flame, is_flame
        (self._flame if is_flame else self._list).focus()
        if page == "findings":
            self._list.set_columns(_OF_FINDINGS)
            self._list.show(self._of_findings or TextRows())
        elif page == "sampled":
            self._list.set_columns(_SAMPLED)
            self._list.show(self._sampled or TextRows())
        self._caption()
        self._draw()

    def action_next_page(self) -> None:
        """Of findings, all sampled, flame graph."""
        if self._why_not:
            self.own.say(self._why_not)
            return
        self._turn_to(_PAGES[(_PAGES.index(self._page) + 1) % len(_PAGES)])

    def action_unit(self) -> None:
        """By what grew, or by what lives."""
        self._measure = "live" if self._measure == "growth" else "growth"
        if self._sampled is not None:
            self._load()

    def _caption(self) -> None:
        parts = []
        if self._page == "findings":
            count = 0 if self._of_findings is None else len(self._of_findings)
            parts = [f"{units.plural(count, 'site')} of findings"]
            if self._why_not:
                parts.append(self._why_not)
        elif self._sampled is None:
            parts = ["looking for samples"]
        else:
            report = self._sampled.report
            what = "growth" if self._measure == "growth" else "all that lives"
            parts = [f"{units.plural(len(report.sites), 'site')} sampled"]
            if self._page == "flame":
                parts = [f"flame graph of {what}, callers above"]
            if report.sample_bytes:
                parts.append(f"one block in {units.size(report.sample_bytes)} on average")
            parts += report.notes
        self.query_one(".caption", Static).update("; ".join(parts))

    def close(self) -> None:
        """Esc: a widened call shrinks again."""
        if self._page == "flame":
            self._flame.narrow()

    def go_back(self) -> bool:
        """Back: a widened call, then the page before."""
        if self._page == "flame" and self._flame.narrow():
            return True
        if self._page == _PAGES[0]:
            return False
        self._turn_to(_PAGES[_PAGES.index(self._page) - 1])
        return True

    # ---- the source ----

    def on_row_list_moved(self) -> None:
        """Another line of code."""
        self._draw()

    @on(FlameGraph.Moved)
    def _flame_moved(self) -> None:
        self._draw()

    def on_row_list_opened(self) -> None:
        """Enter: the chain of the finding."""
        self.action_walk()

    def _draw(self) -> None:
        pane = self.query_one(SourcePane)
        line, stack, notes = self._what_is_meant()
        if line is None:
            is_empty = self._page == _PAGES[0] and not len(self._list.source)
            pane.show("no site is known" if is_empty else "")
            return
        source = self._sources.around(line, lines=4) if line.file else None
        pane.show(line.function, source, stack, notes)
        self.query_one("#source").scroll_home(animate=False)

    def _what_is_meant(self) -> tuple[CodeLine | None, tuple[CodeLine, ...], list[str]]:
        """The line under the cursor, the stack that led there, and what is to be said."""
        at = self._list.cursor
        if self._page == "flame":
            call = self._flame.current
            return (None, (), []) if call is None else (call.frame, (), [_sizes(call)])
        source = self._list.source
        if isinstance(source, FindingSites) and at < len(source):
            one = source.sites[at]
            return one.site.line, one.site.stack[::-1], [one.finding.title]
        if isinstance(source, SampledSites) and at < len(source):
            callee = source.site(at).callee
            return source.line(at), (), [] if callee is None else [f"calling {callee}"]
        return None, (), []

    # ---- keys ----

    def written_about(self) -> Finding | None:
        """The finding whose site it is."""
        source, at = self._list.source, self._list.cursor
        if self._page == "findings" and isinstance(source, FindingSites) and at < len(source):
            return source.sites[at].finding
        return None

    def action_walk(self) -> None:
        """The chain of the finding whose site it is."""
        finding = self.written_about()
        if finding is not None:
            self.post_message(messages.OpenFinding(finding.fingerprint))

    def action_copy(self) -> None:
        """The file and the line."""
        line = self._what_is_meant()[0]
        if line is not None:
            number = "" if line.line is None else f":{line.line}"
            self.post_message(messages.Copy(f"{line.file}{number}"))

    def place(self) -> dict[str, Any]:
        """The page."""
        return {"page": self._page, "measure": self._measure}

    def restore(self, place: dict[str, Any]) -> None:
        """Back to it."""
        if place.get("page") in _PAGES:
            self._page = place["page"]
        if place.get("measure") in ("growth", "live"):
            self._measure = place["measure"]


def _sizes(call: Call) -> str:
    """What a call and all below it allocated, at each moment."""
    moments = [f"{label} {units.size(round(size))}" for label, size in call.bytes_by_label.items()]
    own = f"{units.size(round(call.bytes))} itself, {units.size(round(call.total_bytes))} in all"
    return "; ".join([own, *moments])
