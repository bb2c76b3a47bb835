"""The hunt of the process that is watched, led by keys: part of the live view."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from textual import work
from textual.widgets import Static
from textual.worker import Worker, get_current_worker

from leakhunt.errors import LeakhuntError
from leakhunt.report.model import Report
from leakhunt.target.progress import Progress
from leakhunt.tui.cancelled import Cancelled
from leakhunt.tui.model.hunter import Hunter
from leakhunt.tui.screens.dialogs import AskText, path_of
from leakhunt.tui.widgets.words import sentence

if TYPE_CHECKING:
    from leakhunt.tui.screens.live import LiveView

_LET_GO_S: Final = 5.0
NO_PROCESS: Final = "no process is watched: leakhunt tui PID"
_KEYS: Final = {"window": "", "loaded": "L: the load is over", "final": "F: the final snapshot"}


def unforeseen(doing: str, error: Exception) -> LeakhuntError:
    """What went wrong that nobody thought of, in words."""
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return LeakhuntError(
        f"{doing} the process failed: {words}",
        hint="this is an error in leakhunt: please report it",
    )


class Hunting:
    """Keys that take the snapshots, or run a load command."""

    def __init__(self) -> None:
        super().__init__()
        self.hunter: Hunter | None = None
        self.is_let_go = threading.Event()
        """The watcher has left the process: a hunt may enter."""
        self.end = ""
        """Why the process is watched no more."""
        self.load_command = ""
        self._done = ""
        """What the last hunt came to."""
        self._doing = ""
        """What is going on, in words."""

    @property
    def _live(self) -> LiveView:
        return cast("LiveView", self)

    def action_take(self, label: str) -> None:
        """B, L or F."""
        hunter = self.hunter
        if hunter is not None:
            if label == "baseline" or not hunter.ask(label):
                self._live.own.say(f"not now: {self._doing}")
            else:
                self.say_what_to_do(f"taking the {label} snapshot")
        elif label != "baseline":
            self._live.own.say("take the baseline first: B")
        else:
            self._ask_where("")

    def action_run_load(self) -> None:
        """Ask for the load command, then hunt with it."""
        if self.hunter is not None:
            self._live.own.say("a hunt is going on: x cancels it")
            return

        def done(command: str | None) -> None:
            if command is not None and command.strip():
                self.load_command = command.strip()
                self._ask_where(self.load_command)

        self._live.app.push_screen(
            AskText("Load command, a line for /bin/sh", self.load_command), done
        )

    def _ask_where(self, load: str) -> None:
        """Where the snapshots are kept, then start."""
        pid = self._live.case.pid
        if pid is None or self.end:
            self._live.own.say(self.end or NO_PROCESS)
            return

        def done(folder: str | None) -> None:
            if folder is not None and folder.strip():
                self.hunter = Hunter(pid, path_of(folder), load or None)
                self._done = ""
                self.is_let_go.clear()
                self._hunt(self.hunter)

        self._live.app.push_screen(
            AskText("Keep the snapshots in a directory", f"leakhunt-{pid}"), done
        )

    @work(thread=True, exclusive=True, group="hunt", exit_on_error=False)
    def _hunt(self, hunter: Hunter) -> None:
        """From the baseline to the report."""
        self.is_let_go.wait(_LET_GO_S)
        worker = get_current_worker()  # progress may be told by other threads, which have none
        try:
            report = hunter.run(partial(self._tell, worker))
        except Cancelled:
            self._finish("cancelled: the process was let go of")
            return
        except LeakhuntError as error:
            self._fail(error)
            return
        except Exception as error:  # noqa: BLE001  whatever it is, the person must hear of it
            self._fail(unforeseen("hunting", error))
            return
        self._finish("")
        self._live.own.from_worker(self._hunted, report, hunter.save_dir)

    def _tell(self, worker: Worker[None], progress: Progress) -> None:
        if worker.is_cancelled:
            raise Cancelled
        words = progress.message or progress.phase
        if progress.total:
            words += f" {progress.done or 0} of {progress.total}"
        self._live.own.from_worker(self.say_what_to_do, words)

    def _fail(self, error: LeakhuntError) -> None:
        self._live.own.from_worker(self._live.own.fail, error)
        self._finish(f"the hunt failed: {error}")

    def _finish(self, words: str) -> None:
        self.hunter, self._done = None, words
        self._live.own.from_worker(self.say_what_to_do)

    def _hunted(self, report: Report, folder: Path) -> None:
        """Show the case."""
        self._done = f"hunted: {report.verdict}, kept in {folder}"
        self.say_what_to_do()
        self._live.own.adopt(folder)

    def action_cancel(self) -> None:
        """End the hunt; the process runs on."""
        if self.hunter is not None:
            self.hunter.cancel()
            self.say_what_to_do("cancelling")

    def say_what_to_do(self, at: str = "") -> None:
        """One line: what is going on and what can be pressed."""
        hunter = self.hunter
        if hunter is not None:
            if hunter.load is None and "waiting" in at:
                hunter.offer("final" if "after the load" in at else "loaded")
            choices = [_KEYS[label] for label in ("loaded", "final") if label in hunter.awaited]
            text = "; ".join([at or "hunting", *choices, "x: cancel"])
        elif self.end:
            text = self.end
        else:
            text = "B: take the baseline; o: hunt with a load command"
            text = f"{self._done}; {text}" if self._done else text
        self._doing = text
        self._live.query_one("#hunt", Static).update(sentence(text))
