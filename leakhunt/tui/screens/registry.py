"""The views by name, in the order of their tabs; each is imported when it is first shown."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
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
_DIALOGS: Final = ("help", "search")


def make(name: str) -> Callable[[], View]:
    """What makes the view: called once, when it is first shown."""

    def view() -> View:
        made: View = getattr(_module(name), VIEWS[name])()
        return made

    return view


def import_all() -> None:
    """Import every view and dialog: in a worker, so that no key waits for it."""
    for name in (*VIEWS, *_DIALOGS):
        _module(name)


def _module(name: str) -> ModuleType:
    return import_module(f"leakhunt.tui.screens.{name}")
