"""Search everywhere."""

from __future__ import annotations

from textual.screen import ModalScreen


class SearchScreen(ModalScreen[None]):
    """Search findings, types, paths and addresses."""
