"""Live: a running process as moving plots; keys take the snapshots of a hunt."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Grid
from textual.widgets import Static
from textual.worker import Worker, get_current_worker

from leakhunt.errors import LeakhuntError
from leakhunt.report import units
from leakhunt.report.model import Report
from leakhunt.target.progress import Progress
from leakhunt.tui import keys
from leakhunt.tui.cancelled import Cancelled
from leakhunt.tui.model.hunter import Hunter
from leakhunt.tui.model.live import Course, Moment, Watcher
from leakhunt.tui.screens.dialogs import AskText, path_of
from leakhunt.tui.screens.view import View
from leakhunt.tui.widgets.course import CoursePlot
from leakhunt.tui.widgets.words import sentence

_EVERY_S: Final = 1.0
_LET_GO_S: Final = 5.0
_NO_PROCESS: Final = "no process is watched: leakhunt tui PID"
_KEYS: Final = {"window": "", "loaded": "L: the load is over", "final": "F: the final snapshot"}


def _milliseconds(value: float) -> str:
    return f"{value:.0f} ms" if value >= 10 or value == 0 else f"{value:.1f} ms"


def _count(value: float) -> str:
    return units.short_count(round(value))


_PLOTS: Final = {
    "rss_bytes": ("RSS", units.size, False),
    "blocks": ("live blocks", _count, False),
    "gc_ms": ("longest GC pause", _milliseconds, True),
    "loop_ms": ("event-loop delay", _milliseconds, True),
    "descriptors": ("descriptors", _count, True),
    "cpu_percent": ("CPU", lambda value: f"{value:.0f} %", True),
}
"""Title, words and whether it starts at zero, by member of a moment."""
_FROM_INSIDE: Final = ("blocks", "gc_ms", "loop_ms")


def _unforeseen(doing: str, error: Exception) -> LeakhuntError:
    """What went wrong that nobody thought of, in words."""
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return LeakhuntError(
        f"{doing} the process failed: {words}",
        hint="this is an error in leakhunt: please report it",
    )


class LiveView(View):
    """Six plots, and below them what is being done to the process."""

    NAME = "live"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings(
        "+take_baseline", "+take_loaded", "+take_final", "+run_load", "+cancel"
    )

    def __init__(self) -> None:
        super().__init__()
        self._course = Course()
        self._hunter: Hunter | None = None
        self._is_let_go = threading.Event()
        """The watcher has left the process: a hunt may enter."""
        self._watcher: Watcher | None = None
        self._pause = threading.Event()
        """Set: look no more."""
        self._end = ""
        """Why the process is watched no more."""
        self._load_command = ""
        self._done = ""
        """What the last hunt came to."""
        self._doing = ""
        """What is going on, in words."""

    def body(self) -> ComposeResult:
        """The process, the plots, the hunt."""
        yield Static("", classes="caption", markup=False)
        with Grid(id="plots"):
            for name, (title, words, is_from_zero) in _PLOTS.items():
                yield CoursePlot(title, words, is_from_zero=is_from_zero, id=name.replace("_", "-"))
        yield Static("", id="hunt", markup=False)

    def on_mount(self) -> None:
        """Begin to watch."""
        super().on_mount()
        if self.case.pid is None:
            self.query_one("#plots").display = False
            self.query_one(".caption", Static).update(_NO_PROCESS)
            return
        self._say_what_to_do()
        self._watch(self.case.pid)

    # ---- watching ----

    @work(thread=True, exclusive=True, group="live", exit_on_error=False)
    def _watch(self, pid: int) -> None:
        """Look about once a second until the process or the view ends."""
        worker = get_current_worker()
        try:
            watcher = self._watcher = Watcher(pid)
            while not (worker.is_cancelled or self._pause.is_set()):
                is_hunted = self._hunter is not None
                moment = watcher.look(is_inside=not is_hunted)
                if is_hunted:
                    self._is_let_go.set()
                if not worker.is_cancelled:
                    self.own.from_worker(self._show, moment, watcher.why_not)
                self._pause.wait(_EVERY_S)
        except LeakhuntError as error:
            if not worker.is_cancelled:
                self.own.from_worker(self._ended, error)
        except Exception as error:  # noqa: BLE001  whatever it is, the person must hear of it
            if not worker.is_cancelled:
                self.own.from_worker(self._ended, _unforeseen("watching", error))
        finally:
            self._is_let_go.set()
            if self._watcher is not None:
                self._watcher.close()

    def _show(self, moment: Moment, why_not: str) -> None:
        self._course.add(moment)
        for name in _PLOTS:
            self._plot(name, why_not)
        limit = "" if moment.limit_bytes is None else f" of {units.size(moment.limit_bytes)}"
        parts = [
            f"process {self.case.pid}",
            f"{units.size(moment.rss_bytes)}{limit}",
            units.plural(moment.threads, "thread"),
        ]
        if why_not:
            parts.append(f"not from inside: {why_not}")
        self.query_one(".caption", Static).update(sentence(", ".join(parts)))

    def _plot(self, name: str, why_not: str) -> None:
        seconds, values = self._course.series(name)
        missing = "not known" if why_not or name not in _FROM_INSIDE else "waiting"
        if name == "loop_ms" and not why_not:
            missing = "no asyncio loop"
        self.query_one(f"#{name.replace('_', '-')}", CoursePlot).show(seconds, values, missing)

    def _ended(self, error: LeakhuntError) -> None:
        """The process is no more: the plots stay as they are."""
        self._end = str(error)
        self.query_one(".caption", Static).update(sentence(f"{error}. {error.hint}"))
        self.own.fail(error)
        self._say_what_to_do()

    # ---- the hunt ----

    def action_take(self, label: str) -> None:
        """B, L or F."""
        hunter = self._hunter
        if hunter is not None:
            if label == "baseline" or not hunter.ask(label):
                self.own.say(f"not now: {self._doing}")
            else:
                self._say_what_to_do(f"taking the {label} snapshot")
        elif label != "baseline":
            self.own.say("take the baseline first: B")
        else:
            self._ask_where("")

    def action_run_load(self) -> None:
        """Ask for the load command, then hunt with it."""
        if self._hunter is not None:
            self.own.say("a hunt is going on: x cancels it")
            return

        def done(command: str | None) -> None:
            if command is not None and command.strip():
                self._load_command = command.strip()
                self._ask_where(self._load_command)

        self.app.push_screen(AskText("Load command, a line for /bin/sh", self._load_command), done)

    def _ask_where(self, load: str) -> None:
        """Where the snapshots are kept, then start."""
        pid = self.case.pid
        if pid is None or self._end:
            self.own.say(self._end or _NO_PROCESS)
            return

        def done(folder: str | None) -> None:
            if folder is not None and folder.strip():
                self._hunter = Hunter(pid, path_of(folder), load or None)
                self._done = ""
                self._is_let_go.clear()
                self._hunt(self._hunter)

        self.app.push_screen(AskText("Keep the snapshots in a directory", f"leakhunt-{pid}"), done)

    @work(thread=True, exclusive=True, group="hunt", exit_on_error=False)
    def _hunt(self, hunter: Hunter) -> None:
        """From the baseline to the report."""
        self._is_let_go.wait(_LET_GO_S)
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
            self._fail(_unforeseen("hunting", error))
            return
        self._finish("")
        self.own.from_worker(self._hunted, report, hunter.save_dir)

    def _tell(self, worker: Worker[None], progress: Progress) -> None:
        if worker.is_cancelled:
            raise Cancelled
        words = progress.message or progress.phase
        if progress.total:
            words += f" {progress.done or 0} of {progress.total}"
        self.own.from_worker(self._say_what_to_do, words)

    def _fail(self, error: LeakhuntError) -> None:
        self.own.from_worker(self.own.fail, error)
        self._finish(f"the hunt failed: {error}")

    def _finish(self, words: str) -> None:
        self._hunter, self._done = None, words
        self.own.from_worker(self._say_what_to_do)

    def _hunted(self, report: Report, folder: Path) -> None:
        """Show the case."""
        self._done = f"hunted: {report.verdict}, kept in {folder}"
        self._say_what_to_do()
        self.own.adopt(folder)

    def action_cancel(self) -> None:
        """End the hunt; the process runs on."""
        if self._hunter is not None:
            self._hunter.cancel()
            self._say_what_to_do("cancelling")

    def leave(self) -> None:
        """The application ends: let go of the process."""
        self._pause.set()
        if self._hunter is not None:
            self._hunter.cancel()

    @property
    def is_inside(self) -> bool:
        """Is the process yet to be let go of?"""
        return any(one is not None and one.is_inside for one in (self._hunter, self._watcher))

    def on_unmount(self) -> None:
        """However it ends, no hunt stays behind."""
        self.leave()

    def _say_what_to_do(self, at: str = "") -> None:
        """One line: what is going on and what can be pressed."""
        hunter = self._hunter
        if hunter is not None:
            choices = [_KEYS[label] for label in ("loaded", "final") if label in hunter.awaited]
            if not hunter.awaited and hunter.load is None and "waiting" in at:
                choices = [_KEYS["final" if "after the load" in at else "loaded"]]
            text = "; ".join([at or "hunting", *choices, "x: cancel"])
        elif self._end:
            text = self._end
        else:
            text = "B: take the baseline; o: hunt with a load command"
            text = f"{self._done}; {text}" if self._done else text
        self._doing = text
        self.query_one("#hunt", Static).update(sentence(text))

    def place(self) -> dict[str, Any]:
        """The load command."""
        return {"load": self._load_command}

    def restore(self, place: dict[str, Any]) -> None:
        """Propose it again."""
        if isinstance(place.get("load"), str):
            self._load_command = place["load"][:1000]
