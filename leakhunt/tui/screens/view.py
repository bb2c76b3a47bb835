"""What all views share: the tabs, the footer, the line that says what is awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from leakhunt.tui.screens.registry import VIEWS
from leakhunt.tui.widgets.key_bar import KeyBar
from leakhunt.tui.widgets.lines import Lines
from leakhunt.tui.widgets.top_bar import TopBar
from leakhunt.tui.widgets.words import name as written

if TYPE_CHECKING:
    from leakhunt.report.model import Report
    from leakhunt.tui.app import LeakhuntApp
    from leakhunt.tui.model.case import Case
    from leakhunt.tui.model.heap import HeapView


class View(Screen[None]):
    """One of the views.

    A view overrides :meth:`body`, and of the rest what it has: it hears of the report and of
    the heap when they are there (at once when they were there before it), and keeps its place.
    """

    NAME: ClassVar[str] = ""
    """Its name in the registry."""
    AUTO_FOCUS = ""

    @property
    def own(self) -> LeakhuntApp:
        """The application."""
        return cast("LeakhuntApp", self.app)

    @property
    def case(self) -> Case:
        """What is looked at."""
        return self.own.case

    def compose(self) -> ComposeResult:
        """Tabs, body, what is awaited, keys."""
        yield TopBar([name.capitalize() for name in VIEWS], self.NAME.capitalize())
        yield from self.body()
        yield Lines(classes="wait")
        yield KeyBar()

    def body(self) -> ComposeResult:
        """The widgets of the view."""
        yield from ()

    is_begun = False
    """Was it shown?  A view is made beforehand, so that no key waits for it, and begins then."""

    def on_screen_resume(self) -> None:
        """It is shown."""
        if not self.is_begun and self.own.current_mode == self.NAME:
            self.is_begun = True
            self.begin()

    def begin(self) -> None:
        """Listen for what workers bring; called when it is first shown."""
        self.watch(self.app, "waiting", self._show_waiting)
        self.watch(self.app, "report", self._show_title)
        self.watch(self.app, "report", self.show_report)
        self.watch(self.app, "heap", self.show_heap)
        place = self.case.notebook.places.get(self.NAME)
        if isinstance(place, dict):
            self.restore(place)

    def _show_title(self) -> None:
        self.query_one(TopBar).title = written(self.case.title)

    def _show_waiting(self, words: str) -> None:
        line = self.query_one(".wait", Static)
        line.update(f"… {words}")
        line.set_class(bool(words), "-on")

    # ---- what a view may override ----

    def show_report(self, report: Report | None) -> None:
        """The report is there (None: not yet)."""

    def show_heap(self, heap: HeapView | None) -> None:
        """The heap is open (None: not yet)."""

    def place(self) -> dict[str, Any]:
        """Where the person is, as plain JSON values: kept when they leave."""
        return {}

    def restore(self, place: dict[str, Any]) -> None:
        """Go back to such a place.  It comes from a file: anything may be in it."""

    def go_back(self) -> bool:
        """Back within the view; False when there is nothing to go back to."""
        return False

    def go_forward(self) -> bool:
        """Forward within the view."""
        return False

    def close(self) -> None:
        """Esc: close what is open in the view."""

    def open_type(self, type_name: str) -> None:
        """Show the instances of a type."""

    def open_node(self, node: int) -> None:
        """Show one object."""

    def open_finding(self, fingerprint: str, *, is_whole: bool) -> None:
        """Show a finding."""
