"""Progress on stderr, for a person who waits; silent when stderr is no terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from leakhunt.cli import streams
from leakhunt.report.escape import escape

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from leakhunt.hunt import Progress

_WORDS_BY_PHASE: Final = {
    "interpreter": "looking at the interpreter",
    "build": "building the agent",
    "start": "starting the target",
    "attach": "attaching",
    "capture": "capturing",
    "import": "importing the scenario",
    "setup": "setting up",
    "warmup": "warming up",
    "settle": "settling",
    "collect": "collecting garbage",
    "capture baseline": "capturing the baseline",
    "load": "running cycles",
    "capture window": "capturing the window",
    "capture loaded": "capturing the loaded heap",
    "capture final": "capturing the final heap",
    "teardown": "tearing down",
    "exit": "ending the target",
    "analysis": "analysing",
    "decode": "reading the snapshot",
    "derive": "analysing",
    "keep": "keeping the analysis",
    "look": "looking for what retains most",
}
_WIDTH: Final = 28


class Narrator:
    """Shows each :class:`leakhunt.hunt.Progress` as one live line that is gone in the end.

    With ``lines`` it prints one plain line for each phase instead: for targets whose own output
    is shown, which a live line would garble. Use as a context manager; call it with progress.
    """

    def __init__(self, *, lines: bool = False) -> None:
        self._is_silent = not streams.is_terminal(sys.stderr)
        self._lines = lines
        self._phase: str | None = None
        self._bars: Bars | None = None

    def __enter__(self) -> Self:
        if not self._is_silent and not self._lines:
            self._bars = _start_bars()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def __call__(self, progress: Progress) -> None:
        """Show one step."""
        if self._is_silent:
            return
        words = _words(progress)
        is_new = progress.phase != self._phase
        self._phase = progress.phase
        if self._bars is None:
            if is_new:
                streams.narrate(f"{words}\n")
            return
        task = self._bars.tasks[0]
        if is_new:
            self._bars.reset(task.id)
        self._bars.update(
            task.id,
            description=words.ljust(_WIDTH),
            completed=progress.done or 0,
            total=progress.total,
            count=_count(progress),
        )


def _words(progress: Progress) -> str:
    if progress.message:
        return escape(progress.message, limit=60)
    return _WORDS_BY_PHASE.get(progress.phase) or escape(progress.phase, limit=_WIDTH)


def _count(progress: Progress) -> str:
    if progress.done is None:
        return ""
    return f"{progress.done:,}" + ("" if progress.total is None else f" of {progress.total:,}")


def _start_bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    bars.add_task("starting".ljust(_WIDTH), total=None, count="")
    bars.start()
    return bars
