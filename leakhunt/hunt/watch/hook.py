"""The command that a watch runs when something happens (``--exec``)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Final

from leakhunt.report.watch_model import WatchEvent

RUNNING_MAX: Final = 4
"""More are not run at once: what hangs must not pile up."""
LONGEST_S: Final = 60.0


class Hook:
    """Runs a line of shell for an event, and never waits for it."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._running: list[tuple[float, subprocess.Popen[bytes]]] = []

    def run(self, event: WatchEvent, at_s: float) -> str:
        """Start it; why it was not, else an empty text.

        It finds ``LEAKHUNT_EVENT``, ``_REASON``, ``_PID``, ``_MESSAGE`` and ``_SNAPSHOT`` (a
        file, or empty) in its environment.
        """
        self.tidy(at_s)
        if len(self._running) >= RUNNING_MAX:
            return f"the command of --exec was not run: {RUNNING_MAX} of it still run"
        environment = {
            **os.environ,
            "LEAKHUNT_EVENT": str(event.kind),
            "LEAKHUNT_REASON": str(event.reason),
            "LEAKHUNT_PID": str(event.pid),
            "LEAKHUNT_MESSAGE": event.message.replace("\0", ""),
            "LEAKHUNT_SNAPSHOT": event.path or "",
        }
        try:
            started = subprocess.Popen(
                ["/bin/sh", "-c", self._command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=2,
                start_new_session=True,
            )
        except OSError as exc:
            return f"the command of --exec cannot be started: {exc.strerror or exc}"
        self._running.append((at_s, started))
        return ""

    def tidy(self, at_s: float) -> None:
        """Take note of those that ended, and end those that take too long."""
        left = []
        for started_s, process in self._running:
            if process.poll() is not None:
                continue
            if at_s - started_s > LONGEST_S:
                with contextlib.suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
            left.append((started_s, process))
        self._running = left
