"""A hunt that a person leads by keys: baseline, loaded, final; or a load command does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from leakhunt.hunt.live import hunt_live
from leakhunt.hunt.live_options import LiveOptions
from leakhunt.target.progress import OnProgress
from leakhunt.tui.cancelled import Cancelled

if TYPE_CHECKING:
    from leakhunt.report.model import Report


@dataclass(slots=True)
class Hunter:
    """One hunt of a process.  ``run`` is called by a worker, the rest by anybody."""

    pid: int
    save_dir: Path
    load: str | None = None
    """A shell line; None: a person says when a phase ends."""
    awaited: tuple[str, ...] = ()
    """Labels that can be asked for now."""
    _wanted: str | None = None
    _is_cancelled: threading.Event = field(default_factory=threading.Event)
    is_inside: bool = False
    """The process is yet to be let go of.  One that is cancelled before it began never enters."""

    def run(self, tell: OnProgress, hunt: Callable[..., Report] = hunt_live) -> Report:
        """Hunt until the end.  Raises Cancelled, and what ``hunt_live`` raises; the process is
        let go of in any case."""
        options = LiveOptions(
            pid=self.pid,
            load=self.load,
            control=None if self.load is not None else self,
            save_dir=self.save_dir,
            stop_requested=self._stop,
        )
        self.is_inside = True
        try:
            self._stop()
            return hunt(options, tell)
        finally:
            self.is_inside = False

    def ask(self, label: str) -> bool:
        """Take this snapshot now; False when it is not its turn."""
        if label not in self.awaited:
            return False
        self._wanted = label
        return True

    def offer(self, label: str) -> None:
        """The person is told of it before the hunt has looked up first: it counts from then on."""
        self.awaited = self.awaited or (label,)

    def cancel(self) -> None:
        """End the hunt as soon as it looks up."""
        self._is_cancelled.set()

    def poll(self, choices: tuple[str, ...]) -> str | None:
        """The hunt asks whether somebody asked.  Raises Cancelled."""
        self._stop()
        self.awaited = choices
        wanted, self._wanted = self._wanted, None
        if wanted in choices:
            self.awaited = ()
            return wanted
        return None

    def _stop(self) -> bool:
        if self._is_cancelled.is_set():
            raise Cancelled
        return False
