"""A whole leaked population in the chain view: who keeps it, and its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from textual import work
from textual.widgets import Static

from leakhunt.hunt.free_memory import trim
from leakhunt.report import units
from leakhunt.tui.model.instances import Instances
from leakhunt.tui.model.population import PopulationRows, population_of
from leakhunt.tui.model.subject import Population, Subject
from leakhunt.tui.screens.workers import careful
from leakhunt.tui.widgets.columns import Column
from leakhunt.tui.widgets.words import name

if TYPE_CHECKING:
    from leakhunt.tui.screens.chain import ChainView

_COLUMNS: Final = (
    Column("object", least=50),
    Column("size", 9, is_right=True),
    Column("retained", 10, is_right=True),
    Column("born", 14, keep=1),
)


class Populations:
    """All that one finding leaked: part of the chain view."""

    @property
    def _chain(self) -> ChainView:
        return cast("ChainView", self)

    @work(thread=True, exclusive=True, group="population")
    @careful
    def load_population(self, subject: Subject) -> None:
        """Find it, without the ignored retainers, and show it."""
        heap = self._chain.heap
        if heap is None:
            return
        self._chain.own.from_worker(self._chain.own.wait_for, "finding the whole population")
        nodes = self._chain.case.population(subject.fingerprint)
        found = population_of(heap, nodes, tuple(self._chain.ignored)) if len(nodes) else None
        trim()
        self._chain.own.from_worker(self._show_population, subject, found)

    def _show_population(self, subject: Subject, found: Population | None) -> None:
        heap, finding = self._chain.heap, self._chain.case.finding(subject.fingerprint)
        if subject != self._chain.history.current or heap is None or finding is None:
            return
        if found is None:
            self._chain.query_one("#subject", Static).update("no reference of the program holds it")
            self._chain.show_nothing()
            return
        members = Instances(heap, found.nodes, self._chain.case.notebook.marks)
        rows = PopulationRows(found, members)
        head = f"finding {finding.rank}: {units.plural(len(found.nodes), 'object')}, "
        head += f"{units.size(found.bytes)}, held by {name(finding.holder.path)}"
        if self._chain.ignored:
            ignored = units.plural(len(self._chain.ignored), "retainer")
            head += f"\nwithout {ignored}: {found.unkept:,} of them would be freed"
        self._chain.query_one("#subject", Static).update(head)
        self._chain.rows.set_columns(_COLUMNS)
        self._chain.rows.show(rows, cursor=self._chain.cursors.get(subject, 1))

    def action_population(self) -> None:
        """All that the finding of this object leaked, else that of the object that is walked."""
        heap, node = self._chain.heap, self._chain.node
        if heap is None or node is None or self._chain.case.report is None:
            return
        subject, suspects = self._chain.history.current, self._chain.suspects
        nodes = [node] if subject is None or subject.is_population else [node, subject.node]
        above = (suspects.holder_above(heap, one) for one in nodes)
        rank = next((suspects.holders[one] for one in above if one is not None), None)
        for finding in self._chain.case.report.findings:
            if finding.rank == rank:
                self._chain.open_finding(finding.fingerprint, is_whole=True)
                return
        self._chain.own.say("no finding holds this object")
