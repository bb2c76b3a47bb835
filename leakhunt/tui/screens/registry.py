"""The views by name, in the order of their tabs; each is imported when it is first shown."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from leakhunt.tui.screens.view import View

VIEWS: Final[dict[str, str]] = {
    "case": "CaseView",
    "growth": "GrowthView",
    "chain": "ChainView",
    "dominators": "DominatorsView",
    "sites": "SitesView",
    "tasks": "TasksView",
    "live": "LiveView",
}
"""Class by name; the module is ``leakhunt.tui.screens.NAME``."""


def make(name: str) -> Callable[[], View]:
    """What makes the view: called once, when it is first shown."""

    def view() -> View:
        module = import_module(f"leakhunt.tui.screens.{name}")
        made: View = getattr(module, VIEWS[name])()
        return made

    return view
