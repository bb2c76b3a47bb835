"""Questions about the object under the cursor whose answers take a worker and a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
from textual import work

from leakhunt.analysis.resolve import Resolved
from leakhunt.analysis.retainers import find_retainers
from leakhunt.analysis.whatif import CutStudy, WhatIf
from leakhunt.graph.tables import SKIP_WEAK
from leakhunt.report import units
from leakhunt.tui.model.chain import Kind, Line
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.screens.answer import Answer, AnswerScreen
from leakhunt.tui.screens.workers import careful
from leakhunt.tui.widgets.words import Cell, name

if TYPE_CHECKING:
    from leakhunt.tui.screens.chain import ChainView

Ints = npt.NDArray[np.int64]


class Questions:
    """Independent paths, and what a cut would free: part of the chain view."""

    @property
    def _chain(self) -> ChainView:
        return cast("ChainView", self)

    def action_paths(self) -> None:
        """Every independent path."""
        if self._chain.heap is not None and self._chain.node is not None:
            self._find_paths(self._chain.heap, self._chain.node)

    @work(thread=True, exclusive=True, group="question")
    @careful
    def _find_paths(self, heap: HeapView, node: int) -> None:
        view, graph = self._chain, heap.graph
        view.own.from_worker(view.own.wait_for, "looking for independent paths")
        if view.ignored:
            nodes = np.array(sorted(view.ignored), np.int64)
            graph = graph.without(graph.expand(nodes)[0])
        found = find_retainers(graph, np.array([node], np.int64))
        lines = [f"{one.path}" for one in found.independent]
        title = f"{units.plural(len(lines), 'independent path')} to {heap.title(node)}"
        if found.why_not:
            lines = [str(one.path) for one in found.merged]
            title = f"Paths to {heap.title(node)}: {found.why_not}"
        about = "No two share a reference that could be cut: each must let go."
        if not lines:
            about = "Nothing keeps it."
        answer = Answer(title, about, [((line, "name"),) for line in lines], copies=lines)
        view.own.from_worker(view.app.push_screen, AnswerScreen(answer))

    def action_whatif(self) -> None:
        """What cutting the reference under the cursor would free."""
        heap, line = self._chain.heap, self._chain.line
        if heap is None or line is None:
            self._chain.own.say("put the cursor on a reference")
            return
        self._study(heap, line)

    @work(thread=True, exclusive=True, group="question")
    @careful
    def _study(self, heap: HeapView, line: Line) -> None:
        view, graph = self._chain, heap.graph
        view.own.from_worker(view.own.wait_for, "cutting")
        cut = references_of(heap, line)
        if cut is None:
            view.own.from_worker(view.own.say, "nothing refers to it: there is nothing to cut")
            return
        title, edges = cut
        study = CutStudy(graph, heap.namer)
        path = title or study.path_of(graph.source(int(edges[0])), edges)
        targets = np.unique(graph.columns.edge_target[edges]).astype(np.int64)
        found = study.study([study.reference(Resolved(path, targets, edges))])
        view.own.from_worker(view.app.push_screen, AnswerScreen(_answer(path, found)))


def references_of(heap: HeapView, line: Line) -> tuple[str, Ints] | None:
    """What the references that a line stands for are called, when a path does not say it, and
    the references: all of them.  O(references of the referrers) vectorised."""
    graph = heap.graph
    if line.kind is Kind.SECTION:
        title = f"all references to {heap.path(line.node)}"
        edges = graph.expand(np.unique(graph.referrers(line.node)))[0]
        edges = edges[graph.columns.edge_target[edges] == line.node]
    elif line.neighbour is None:
        return None
    else:
        title, edge = "", line.neighbour.edge
        edges = graph.edges_between(graph.source(edge), graph.target(edge))
    edges = edges[SKIP_WEAK[graph.columns.edge_kind[edges]] == 0]
    return (title, edges) if len(edges) else None


def _answer(path: str, found: WhatIf) -> Answer:
    about = (
        f"would free {units.size(found.freed_bytes)}, {units.plural(found.freed_objects, 'object')}"
    )
    if found.collector_objects:
        size = units.size(found.collector_bytes)
        about += f"; {size} of it only once the collector runs"
    if found.native_objects:
        about += f"; C code may hold {units.plural(found.native_objects, 'object')} of these too"
    rows: list[tuple[Cell, ...]] = [
        ((f"{units.size(share.bytes):>11}", "strong"), f"{share.count:>9,} ×", name(share.type))
        for share in found.freed
    ]
    if found.stays_objects:
        rows.append((("", ""), "", (f"{found.stays_objects:,} stay: also held by", "suspect")))
    rows += [(("", ""), f"{k.objects:>9,} ×", (name(k.path, 300), "name")) for k in found.keepers]
    copies = [path] * len(rows)
    return Answer(f"Cutting {path}", about, rows, copies=copies, widths=(11, 11, 0))
