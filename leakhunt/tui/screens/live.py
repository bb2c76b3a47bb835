"""Live: a running process and its workers as moving plots; keys take the snapshots of a hunt."""

from __future__ import annotations

import threading
from typing import Any, ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Grid
from textual.widgets import Static
from textual.worker import get_current_worker

from leakhunt.errors import LeakhuntError
from leakhunt.report import units
from leakhunt.tui import keys
from leakhunt.tui.model.family import ALL, Courses, FamilyWatcher
from leakhunt.tui.model.live import Course, Moment
from leakhunt.tui.screens.hunting import NO_PROCESS, Hunting, unforeseen
from leakhunt.tui.screens.view import View
from leakhunt.tui.widgets.columns import Column
from leakhunt.tui.widgets.course import CoursePlot
from leakhunt.tui.widgets.lines import Lines
from leakhunt.tui.widgets.rows import RowList
from leakhunt.tui.widgets.words import sentence

_EVERY_S: Final = 1.0
_COLUMNS: Final = (
    Column("process", least=16),
    Column("RSS", 10, is_right=True),
    Column("change", 11, is_right=True),
    Column("threads", 8, is_right=True),
    Column("descriptors", 12, is_right=True, keep=1),
    Column("CPU", 7, is_right=True),
)
_LEAST_TABLE: Final = 4


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


class LiveView(Hunting, View):
    """Six plots, above them the workers, and below what is being done to the process."""

    NAME = "live"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings(
        "+take_baseline", "+take_loaded", "+take_final", "+run_load", "+cancel"
    )

    def __init__(self) -> None:
        super().__init__()
        self.courses = Courses()
        self._watcher: FamilyWatcher | None = None
        self._chosen = ALL
        """Whose plots are shown."""
        self._why_not = ""
        self._pause = threading.Event()
        """Set: look no more."""

    def body(self) -> ComposeResult:
        """The process, its workers, the plots, the hunt."""
        yield Lines(classes="caption")
        yield RowList(_COLUMNS, id="workers", is_opened=False)
        with Grid(id="plots"):
            for name, (title, words, is_from_zero) in _PLOTS.items():
                yield CoursePlot(title, words, is_from_zero=is_from_zero, id=name.replace("_", "-"))
        yield Lines(id="hunt")

    def begin(self) -> None:
        """Begin to watch."""
        super().begin()
        self._workers.display = False
        if self.case.pid is None:
            self.query_one("#plots").display = False
            self.query_one(".caption", Static).update(NO_PROCESS)
            return
        self.say_what_to_do()
        self._watch(self.case.pid)

    @property
    def _workers(self) -> RowList:
        return self.query_one("#workers", RowList)

    # ---- watching ----

    @work(thread=True, exclusive=True, group="live", exit_on_error=False)
    def _watch(self, pid: int) -> None:
        """Look about once a second until the process or the view ends."""
        worker = get_current_worker()
        watcher = None
        try:
            watcher = self._watcher = FamilyWatcher(pid, self._pause)
            while not (worker.is_cancelled or self._pause.is_set()):
                is_hunted = self.hunter is not None
                moments = watcher.look(self._chosen, is_inside=not is_hunted)
                if is_hunted:
                    self.is_let_go.set()
                if not worker.is_cancelled:
                    self.own.from_worker(self._show, moments, watcher.why_not)
                self._pause.wait(_EVERY_S)
        except LeakhuntError as error:
            if not worker.is_cancelled:
                self.own.from_worker(self._ended, error)
        except Exception as error:  # noqa: BLE001  whatever it is, the person must hear of it
            if not worker.is_cancelled:
                self.own.from_worker(self._ended, unforeseen("watching", error))
        finally:
            self.is_let_go.set()
            if watcher is not None:
                watcher.close()

    def _show(self, moments: dict[int, Moment], why_not: str) -> None:
        self.courses.add(moments)
        self._why_not = why_not
        if self._chosen not in self.courses.by_pid:
            self._chosen = ALL
        self._show_workers(len(moments) - 1)
        self._draw()

    def _show_workers(self, count: int) -> None:
        """The table, once there is a worker."""
        table = self._workers
        if not table.display and count:
            table.display = True
            table.focus()
        if table.display:
            room = max(self.size.height // 4, _LEAST_TABLE)
            table.styles.height = min(len(self.courses) + 1, room)
            table.show(self.courses, cursor=self.courses.pids.index(self._chosen))

    def on_row_list_moved(self, message: RowList.Moved) -> None:
        """Another process is chosen; what is known from inside comes with the next look."""
        pids = self.courses.pids
        if message.index < len(pids) and pids[message.index] != self._chosen:
            self._chosen = pids[message.index]
            self._draw()

    @property
    def _course(self) -> Course | None:
        """The one that is shown: of a process without workers its own."""
        every = list(self.courses.by_pid.values())
        return every[-1] if len(every) == 2 else self.courses.by_pid.get(self._chosen)

    def _draw(self) -> None:
        course = self._course
        if course is None:
            return
        for name in _PLOTS:
            self._plot(course, name)
        moment = course.moments[-1]
        limit = "" if moment.limit_bytes is None else f" of {units.size(moment.limit_bytes)}"
        workers = len(self.courses) - 2
        parts = [
            f"process {self.case.pid}" + f" and {units.plural(workers, 'worker')}" * bool(workers),
            f"{units.size(moment.rss_bytes)}{limit}",
            units.plural(moment.threads, "thread"),
        ]
        if self._chosen != ALL:
            parts[0] += f", shown: {self._chosen}"
        if self._why_not:
            parts.append(f"not from inside: {self._why_not}")
        self.query_one(".caption", Static).update(sentence(", ".join(parts)))

    def _plot(self, course: Course, name: str) -> None:
        seconds, values = course.series(name)
        missing = "not known"
        if name in _FROM_INSIDE and not self._why_not:
            missing = "no event loop" if name == "loop_ms" else "waiting"
            if len(self.courses) > 2 and self._chosen == ALL:
                missing = "choose one with ↑↓"
        self.query_one(f"#{name.replace('_', '-')}", CoursePlot).show(seconds, values, missing)

    def _ended(self, error: LeakhuntError) -> None:
        """The process is no more: the plots stay as they are."""
        self.end = str(error)
        self.query_one(".caption", Static).update(sentence(f"{error}. {error.hint}"))
        self.own.fail(error)
        self.say_what_to_do()

    def leave(self) -> None:
        """The application ends: let go of the process."""
        self._pause.set()
        if self.hunter is not None:
            self.hunter.cancel()

    @property
    def is_inside(self) -> bool:
        """Is the process yet to be let go of?"""
        return any(one is not None and one.is_inside for one in (self.hunter, self._watcher))

    def on_unmount(self) -> None:
        """However it ends, no hunt stays behind."""
        self.leave()

    def place(self) -> dict[str, Any]:
        """The load command."""
        return {"load": self.load_command}

    def restore(self, place: dict[str, Any]) -> None:
        """Propose it again."""
        if isinstance(place.get("load"), str):
            self.load_command = place["load"][:1000]
