"""The line at the bottom: the keys that mean something here.

Textual's footer has a widget for each key and makes them all anew when the focus moves: half of
what a person waits for when another view is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.segment import Segment
from textual import events
from textual.screen import Screen
from textual.strip import Strip

from leakhunt.tui.widgets.inked import Inked

_ALWAYS: Final = 2
"""The last keys, help and quit, are there however narrow it is."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A key in the line."""

    key: str
    written: str
    label: str
    is_enabled: bool

    @property
    def width(self) -> int:
        """With the blank before it."""
        return len(self.written) + len(self.label) + 2


class KeyBar(Inked):
    """Keys and what they do, of the bindings that ask to be shown."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[_Shown] = []

    def on_mount(self) -> None:
        """Hear of other bindings."""
        self.screen.bindings_updated_signal.subscribe(self, self._update)

    def _update(self, screen: Screen[object]) -> None:
        by_action: dict[str, _Shown] = {}
        for _, binding, is_enabled, _ in screen.active_bindings.values():
            if binding.show:
                written = self.app.get_key_display(binding)
                one = _Shown(binding.key, written, binding.description, is_enabled)
                by_action.setdefault(binding.action, one)
        keys = list(by_action.values())
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    def _fitting(self, width: int) -> list[_Shown]:
        """As many as there is room for."""
        keys = list(self._keys)
        while len(keys) > _ALWAYS and sum(one.width for one in keys) > width:
            del keys[-1 - _ALWAYS]
        return keys

    def render_line(self, y: int) -> Strip:
        """The one line."""
        width, base = self.size.width, self.rich_style
        segments = []
        for one in self._fitting(width) if y == 0 else ():
            ink = "mark" if one.is_enabled else "quiet"
            segments.append(Segment(f" {one.written}", base + self.ink(ink)))
            label = base if one.is_enabled else base + self.ink("quiet")
            segments.append(Segment(f" {one.label}", label))
        return Strip(segments).adjust_cell_length(width, base)

    def on_click(self, event: events.Click) -> None:
        """A click on a key is that key."""
        at = 0
        for one in self._fitting(self.size.width):
            if at < event.x < at + one.width:
                self.app.simulate_key(one.key)
                return
            at += one.width
