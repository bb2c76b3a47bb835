"""Chain: who holds an object and what it holds, walked step by step to the line that holds it."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from leakhunt.report import units
from leakhunt.report.model import Report
from leakhunt.tui import keys, messages
from leakhunt.tui.model.chain import ChainTree, Kind, Line
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.model.population import PopulationRows
from leakhunt.tui.model.route import route
from leakhunt.tui.model.subject import History, Subject
from leakhunt.tui.model.suspects import Suspects, holder_nodes, suspects_of
from leakhunt.tui.screens.chain_jumps import Jumps
from leakhunt.tui.screens.chain_population import Populations
from leakhunt.tui.screens.chain_questions import Questions
from leakhunt.tui.screens.noting import Noting
from leakhunt.tui.screens.view import View
from leakhunt.tui.screens.workers import careful
from leakhunt.tui.screens.writing import Writing
from leakhunt.tui.widgets.columns import Column
from leakhunt.tui.widgets.lines import Lines
from leakhunt.tui.widgets.rows import RowList, TextRows
from leakhunt.tui.widgets.words import fit, name

_COLUMNS: Final = (
    Column("object", least=30),
    Column("retains", 7, keep=4),
    Column("size", 9, is_right=True, keep=2),
    Column("retained", 10, is_right=True),
    Column("born", 14, keep=1),
)
_CRUMBS: Final = 6


class ChainView(Questions, Jumps, Populations, Noting, Writing, View):
    """The walk."""

    NAME = "chain"
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings(
            "walk", "holder", "root", "dominator", "paths", "+ignore", "unignore",
            "+whatif", "+back", "group", "population", "copy", "mark", "note", "report", "export",
        ),
        Binding("right", "unfold", "open", show=False),
        Binding("left", "fold", "close", show=False),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.history = History()
        self.ignored: dict[int, str] = {}
        self.suspects = Suspects()
        self._is_grouped = False
        self._wanted: Subject | None = None
        self.cursors: dict[Subject, int] = {}

    def body(self) -> ComposeResult:
        """Breadcrumbs, the subject, the tree, and what there is to say of the line."""
        yield Lines(id="crumbs")
        yield Static("", id="subject", markup=False)
        yield RowList(_COLUMNS, id="tree")
        yield Lines(id="about")

    def begin(self) -> None:
        """The tree has the keys."""
        super().begin()
        self.rows.focus()
        self._draw()

    # ---- what there is ----

    @property
    def rows(self) -> RowList:
        """The tree."""
        return self.query_one("#tree", RowList)

    @property
    def heap(self) -> HeapView | None:
        """The heap, once it is open."""
        return self.own.heap

    @property
    def chain(self) -> ChainTree | None:
        """The tree of one object; None for a population."""
        source = self.rows.source
        return source if isinstance(source, ChainTree) else None

    def show_report(self, report: Report | None) -> None:
        """The findings name suspects."""
        if report is not None and self.heap is not None:
            self._find_suspects(report, self.heap)

    def show_heap(self, heap: HeapView | None) -> None:
        """Walk now what was asked for before; forget what was of another heap."""
        if heap is None:
            self.history, self.suspects, self.cursors = History(), Suspects(), {}
            self.ignored.clear()
            self.rows.show(TextRows())
            self._draw()
            return
        if self.case.report is not None:
            self._find_suspects(self.case.report, heap)
        if len(self.case.files) > 1:
            self._open_ages()
        if self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            self._go(wanted)
            return
        self.restore(self.case.notebook.places.get(self.NAME) or {})
        self.call_later(self._go_to_first, heap)  # after what was asked for while it was made

    @work(thread=True, exclusive=True, group="suspects")
    @careful
    def _find_suspects(self, report: Report, heap: HeapView) -> None:
        found = suspects_of(report, heap)
        self.own.from_worker(self._show_suspects, heap, found)

    def _show_suspects(self, heap: HeapView, found: Suspects) -> None:
        if heap is not self.heap:
            return  # another hunt came
        self.suspects = found
        if self.chain is not None:
            self.chain.suspects = found
        self.rows.refresh()
        self._draw_about()

    @work(thread=True, exclusive=True, group="ages")
    @careful
    def _open_ages(self) -> None:
        self.case.open_ages(self.own.tell)
        self.own.from_worker(self._show_ages)

    def _show_ages(self) -> None:
        subject, heap = self.history.current, self.heap
        self.rows.refresh()
        if subject is not None and heap is not None and not subject.is_population:
            self._again()

    def _go_to_first(self, heap: HeapView) -> None:
        """Where to begin when nothing was asked for: the worst finding, else what is heaviest."""
        if self.history.current is not None:
            return
        findings = () if self.case.report is None else self.case.report.findings
        if findings:
            self.open_finding(findings[0].fingerprint, is_whole=False)
        elif heap.graph.columns.heap_count:
            count = heap.graph.columns.heap_count
            self.open_node(int(np.argmax(heap.graph.retained_bytes[:count])))

    # ---- where to ----

    def open_node(self, node: int) -> None:
        """Walk on to an object."""
        heap = self.heap
        title = f"node {node}" if heap is None else heap.title(node)
        self._go(Subject(node, title))

    def open_finding(self, fingerprint: str, *, is_whole: bool) -> None:
        """Walk from a finding: from its holder, or from all it leaked."""
        finding = self.case.finding(fingerprint)
        if finding is None:
            return
        whole = Subject(-1, f"finding {finding.rank}", fingerprint)
        heap = self.heap
        if is_whole or heap is None:
            self._go(whole)
            return
        nodes = holder_nodes(heap, finding.holder.path) or list(finding.node_ids)
        if nodes:
            self.open_node(nodes[0])
        else:
            self._go(whole)

    def _go(self, subject: Subject) -> None:
        if self.heap is None:
            self._wanted = subject
            return
        self._remember()
        self.history.go(subject)
        self._draw()

    def _remember(self) -> None:
        if self.history.current is not None:
            self.cursors[self.history.current] = self.rows.cursor

    def go_back(self) -> bool:
        """The stop before."""
        self._remember()
        return self.history.back() and self._drawn()

    def go_forward(self) -> bool:
        """The stop after."""
        self._remember()
        return self.history.forward() and self._drawn()

    def _drawn(self) -> bool:
        self._draw()
        return True

    # ---- drawing ----

    def _draw(self) -> None:
        subject, heap = self.history.current, self.heap
        self._draw_crumbs()
        if subject is None or heap is None:
            self.query_one("#subject", Static).update("")
            return
        if subject.is_population:
            self.query_one("#subject", Static).update("…")
            self.show_nothing()
            self.load_population(subject)
            return
        tree = ChainTree(
            heap, subject.node, self.suspects, self.ignored, self._sign,
            is_grouped=self._is_grouped,
        )  # fmt: skip
        self.rows.set_columns(_COLUMNS)
        self.rows.show(tree, cursor=self.cursors.get(subject, min(1, len(tree) - 1)))
        self._draw_subject(heap.path(subject.node))
        if self.ignored:
            self._find_route(subject)

    def show_nothing(self) -> None:
        """No line of what was walked before stays for keys to act on."""
        self.rows.show(TextRows())
        self._draw_about()

    def _draw_crumbs(self) -> None:
        crumbs = self.history.crumbs[-_CRUMBS:]
        words = [fit(name(one.title), 28) for one in crumbs]
        if len(self.history.crumbs) > _CRUMBS:
            words.insert(0, "…")
        self.query_one("#crumbs", Static).update(" › ".join(words))

    def _draw_subject(self, path: str) -> None:
        subject, heap = self.history.current, self.heap
        if subject is None or heap is None or subject.is_population:
            return
        words = heap.words(subject.node)
        facts = [f"{name(words.type)} {name(words.value, 60) if words.value else ''}".strip()]
        facts += [f"{units.size(words.size_bytes)}, retains {units.size(words.retained_bytes)}"]
        if words.entries is not None:
            facts.append(units.plural(words.entries, "entry", "entries"))
        facts += [words.age] if words.age else []
        facts.append(f"{heap.address(subject.node):#x}")
        ignoring = f"without {units.plural(len(self.ignored), 'retainer')}: " * bool(self.ignored)
        lines = f"{' · '.join(facts)}\n{ignoring}{name(path, 400)}"
        self.query_one("#subject", Static).update(lines)

    def _sign(self, key: str) -> str:
        notebook = self.case.notebook
        return "●" if key in notebook.marks else "✎" if key in notebook.notes else ""

    def _draw_about(self) -> None:
        """Two lines on the line under the cursor."""
        heap, node = self.heap, self.node
        about = self.query_one("#about", Static)
        if heap is None or node is None:
            about.update("")
            return
        line, first = self.line, name(heap.path(node), 400)
        words = []
        if line is not None and line.neighbour is not None:
            keeps = line.neighbour.retaining
            answer = {True: "retains", False: "does not retain", None: "may retain"}[keeps.answer]
            words.append(f"{answer}: {name(keeps.reason, 200)}")
        native = heap.native_references(node)
        if native:
            words.append(f"{units.plural(native, 'reference')} counted on no edge (C code)")
        place = heap.place(node)
        words += [self.suspects.word(node), name(place, 120) if place else ""]
        note = self.case.notebook.notes.get(heap.key(node))
        words += [f"note: {name(note, 200)}"] if note else []
        about.update(f"{first}\n{' · '.join(word for word in words if word)}")

    def on_row_list_moved(self) -> None:
        """Another line."""
        self._draw_about()

    # ---- ignoring retainers ----

    def action_ignore(self) -> None:
        """Leave the retainer under the cursor out of account, or take it in again."""
        heap, node = self.heap, self.node
        if heap is None or node is None:
            return
        if self.ignored.pop(node, None) is None:
            self.ignored[node] = heap.title(node)
        self._again()

    def action_unignore(self) -> None:
        """Take all in again."""
        self.ignored.clear()
        self._again()

    def _again(self) -> None:
        subject, heap = self.history.current, self.heap
        self.rows.refresh()
        if subject is None or heap is None:
            return
        if subject.is_population:
            self.load_population(subject)
        elif self.ignored:
            self._find_route(subject)
        else:
            self._draw_subject(heap.path(subject.node))

    @work(thread=True, exclusive=True, group="route")
    @careful
    def _find_route(self, subject: Subject) -> None:
        heap = self.heap
        if heap is None:
            return
        way = route(heap.graph, subject.node, self.ignored)
        path = "nothing else keeps it: it would be freed" if way is None else heap.path_along(way)
        self.own.from_worker(self._show_route, subject, path)

    def _show_route(self, subject: Subject, path: str) -> None:
        if subject == self.history.current and self.ignored:
            self._draw_subject(path)

    # ---- the line under the cursor ----

    @property
    def line(self) -> Line | None:
        """The line of the tree, None in a population."""
        tree, at = self.chain, self.rows.cursor
        return tree.lines[at] if tree is not None and at < len(tree.lines) else None

    @property
    def node(self) -> int | None:
        """The object the cursor is on; on a section, the subject."""
        source = self.rows.source
        if isinstance(source, PopulationRows):
            return source.node(self.rows.cursor)
        line = self.line
        return None if line is None or line.kind is Kind.TYPE else line.node

    def on_row_list_opened(self) -> None:
        """Enter: walk on, load more, open a section."""
        line = self.line
        if line is not None and line.kind is not Kind.NODE:
            self.action_unfold() if not line.is_open else self.action_fold()
        else:
            self.action_walk()

    def action_walk(self) -> None:
        """Walk on to the object under the cursor."""
        if self.node is not None:
            self.open_node(self.node)

    def action_unfold(self) -> None:
        """Open the line."""
        tree, at = self.chain, self.rows.cursor
        if tree is not None and at < len(tree.lines):
            tree.open(at)
            self.rows.show(tree, cursor=at)

    def action_fold(self) -> None:
        """Close the line, or the one it is in."""
        tree, at = self.chain, self.rows.cursor
        if tree is not None and at < len(tree.lines):
            self.rows.show(tree, cursor=tree.close(at))

    def action_group(self) -> None:
        """Neighbours by type, or one by one."""
        self._is_grouped = not self._is_grouped
        self._draw()

    def action_copy(self) -> None:
        """The path of the object, or of the population."""
        source, heap = self.rows.source, self.heap
        path = source.path(self.rows.cursor) if isinstance(source, PopulationRows) else None
        if path is not None:
            self.post_message(messages.Copy(path))
        elif heap is not None and self.node is not None:
            self.post_message(messages.Copy(heap.path(self.node)))

    def drawn_around(self) -> str:
        """The object under the cursor."""
        heap, node = self.heap, self.node
        return "" if heap is None or node is None or heap.graph.is_root(node) else heap.key(node)

    def noted(self) -> tuple[str, str] | None:
        """The object under the cursor."""
        heap, node = self.heap, self.node
        if heap is None or node is None or heap.graph.is_root(node):
            return None  # roots have no address, and would share one key
        return heap.key(node), heap.path(node)

    def renote(self) -> None:
        """Show it."""
        self.rows.refresh()
        self._draw_about()

    # ---- the place ----

    def place(self) -> dict[str, Any]:
        """The way to here, by address."""
        heap = self.heap
        if heap is None:
            return {}
        stops = [
            {"finding": one.fingerprint} if one.is_population else {"at": heap.address(one.node)}
            for one in self.history.crumbs[-20:]
        ]
        return {"snapshot": heap.identity, "way": stops, "grouped": self._is_grouped}

    def restore(self, place: dict[str, Any]) -> None:
        """Back to it once the heap is open; addresses of another snapshot mean nothing."""
        heap, way = self.heap, place.get("way")
        self._is_grouped = bool(place.get("grouped"))
        if heap is None or not isinstance(way, list) or place.get("snapshot") != heap.identity:
            return
        for stop in way:
            if not isinstance(stop, dict):
                continue
            finding = self.case.finding(str(stop.get("finding")))
            at = stop.get("at")
            node = heap.at_address(at) if isinstance(at, int) and at > 0 else None
            if finding is not None:
                self.history.go(Subject(-1, f"finding {finding.rank}", finding.fingerprint))
            elif node is not None:
                self.history.go(Subject(node, heap.title(node)))
        self._draw()
