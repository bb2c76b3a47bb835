"""``leakhunt top``: what a live process holds, look by look."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from leakhunt.cli import live_options, output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import Whole
from leakhunt.errors import UsageError

if TYPE_CHECKING:
    from leakhunt.hunt.top import Top
    from leakhunt.report.top_model import TopReport

_KEEP_ALIVE_S = 10.0
_FOLLOW_S = 0.25
"""So often the size of the terminal is looked at."""
_ROWS_MAX = 200
"""Types that a screen may show."""
_LEAST_INTERVAL_S = 1.0
_PAUSES = 10
"""Between two looks the process runs for so many times the last pause at least."""
_EXAMPLES = """\b
Examples:
  leakhunt top 4242
  leakhunt top 4242 --interval 30s --top 40
  leakhunt top 4242 --once
  leakhunt top 4242 --json | jq -c .rows[0]
"""


@click.command(short_help="Live view: types, rates, memory bill.", epilog=_EXAMPLES)
@click.argument("pid", type=Whole(1))
@click.option(
    "--interval", default="10s", show_default=True, metavar="TIME", help="Between two looks."
)
@click.option(
    "--top", "rows", type=Whole(1), metavar="N", help="Types to show.  [default: what fits]"
)
@click.option("--once", is_flag=True, help="One look, without rates.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each look.")
@live_options.bill_options
def top(
    pid: int, interval: str, rows: int | None, once: bool, as_json: bool, **arguments: Any
) -> ExitCode:
    """Show which types a process holds, how fast each grows, and what its memory consists of.

    Each look takes a snapshot and throws it away, for which the process stands still as for any
    capture: the first line says for how long. Rates are taken over the last six looks, the
    fastest growing types come first. Ctrl-C ends it and lets the process go.
    """
    from leakhunt.hunt.top import Top
    from leakhunt.target.readiness import parse_seconds

    interval_s = parse_seconds(interval)
    if interval_s < _LEAST_INTERVAL_S:
        raise UsageError(
            f"{interval_s:g} s is no interval for looks",
            hint=f"{_LEAST_INTERVAL_S:g} s at least: each look stops the process for a moment",
        )
    with Top(pid, **arguments) as looks:
        try:
            if once or as_json or not streams.is_terminal(sys.stdout):
                _print_looks(looks, interval_s, rows, once=once, as_json=as_json)
            else:
                _show_looks(looks, interval_s, rows)
        except KeyboardInterrupt:
            if looks.count == 0:
                raise
    return ExitCode.NO_LEAK


def _print_looks(
    looks: Top, interval_s: float, rows: int | None, *, once: bool, as_json: bool
) -> None:
    """One after the other, for files and pipes."""
    while True:
        report = looks.look(rows or 20)
        if as_json:
            from leakhunt.report.top_model import top_to_json

            is_read = streams.write(top_to_json(report) + "\n")
        else:
            is_read = streams.write(_drawn(report) + ("" if once else "\n"))
        if once or not is_read:
            return
        _wait(looks, interval_s, report)


def _show_looks(looks: Top, interval_s: float, rows: int | None) -> None:
    """In place, until Ctrl-C."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    with Live(console=console, screen=True, auto_refresh=False, transient=True) as live:
        size = console.size

        def show() -> None:
            nonlocal size
            size = console.size
            text = Text.from_ansi(_fitted(report, size.height))
            text.no_wrap, text.overflow = True, "crop"
            live.update(text, refresh=True)

        def follow() -> None:
            if console.size != size:
                show()

        while True:
            report = looks.look(rows or _ROWS_MAX)
            show()
            _wait(looks, interval_s, report, follow)


def _fitted(report: TopReport, height: int) -> str:
    """The screen with as many types as have a line."""
    few = replace(report, rows=report.rows[:height])
    drawn = _drawn(few)
    over = drawn.count("\n") + 1 - height
    if over <= 0 or not few.rows:
        return drawn
    # With fewer types there is a line more, which says how many are left out.
    is_said = len(few.rows) < report.types
    kept = max(len(few.rows) - over - (not is_said), 0)
    return _drawn(replace(few, rows=few.rows[:kept]))


def _drawn(report: TopReport) -> str:
    from leakhunt.report.text.top_screen import render_top

    return render_top(report, output.text_options())


def _wait(
    looks: Top, interval_s: float, last: TopReport, follow: Callable[[], None] | None = None
) -> None:
    """Until the next look; ``follow`` is asked four times a second."""
    step_s = _KEEP_ALIVE_S if follow is None else _FOLLOW_S
    asked_s = time.monotonic()
    until = asked_s + max(interval_s, _PAUSES * last.pause_ns / 1e9)
    while (left_s := until - time.monotonic()) > 0:
        time.sleep(min(left_s, step_s))
        if time.monotonic() - asked_s >= _KEEP_ALIVE_S:
            asked_s = time.monotonic()
            looks.keep_alive()
        if follow is not None:
            follow()
