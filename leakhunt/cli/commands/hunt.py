"""``leakhunt hunt``: a scenario, a live process or a program to start; report what leaks."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from leakhunt.cli import live_options, output, streams
from leakhunt.cli.keys import Keys
from leakhunt.cli.parameters import Amount, FileName, Interpreter, Whole
from leakhunt.cli.progress import Narrator
from leakhunt.errors import UsageError

_EXAMPLES = """\b
Examples:
  leakhunt hunt --scenario checkout.py --cycles 500 --python .venv/bin/python
  leakhunt hunt 4242 --load 'wrk -d10s http://localhost:8000/'
  leakhunt hunt --load './load.sh' --ready port:8000 -- gunicorn -w 4 shop:app
  leakhunt hunt 4242 --duration 600 --save snapshots/
  leakhunt hunt 4242 --load './load.sh' --dry-run

A scenario is a Python file with cycle(i) and, if it needs them, setup(), settle() and
teardown(), plain or async. A live process needs no preparation: nothing of leakhunt has to be
installed there. A program after -- is started untouched, and ended when the hunt is over.
"""

_SCENARIO_CYCLES = 200
_SCENARIO_WARMUP = 20
_LIVE_WARMUP = 1


@click.command(short_help="Find what a scenario or a live process leaks.", epilog=_EXAMPLES)
@click.argument("target", nargs=-1, metavar="[PID | -- COMMAND...]")
@click.option(
    "--scenario",
    metavar="FILE.py",
    type=FileName(),
    help="What one cycle of load is, run in a child process.",
)
@click.option(
    "--cycles",
    type=Whole(1),
    metavar="N",
    help="Cycles of a scenario between baseline and loaded [default: 200]; live: cycles in one"
    " run of the load [default: the requests it counts].",
)
@click.option(
    "--warmup",
    type=Whole(0),
    metavar="N",
    help="Before the baseline: cycles of a scenario [default: 20], runs of a load [default: 1].",
)
@click.option(
    "--ladder",
    type=Whole(2),
    metavar="N",
    help="N settled snapshots of a scenario after the baseline instead of one, the cycles run"
    " again before each: growth becomes a trend.",
)
@click.option(
    "--python",
    type=Interpreter(),
    metavar="PATH",
    help="Interpreter of a scenario, its virtual environment included.  [default: leakhunt's own]",
)
@live_options.load_options
@live_options.attach_options
@click.option(
    "--timeout",
    "timeout_s",
    type=Amount("seconds"),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="End a scenario that takes longer; live: the longest wait until the program is ready,"
    " for one run of the load, for a mark. 0 waits for ever.",
)
@click.option(
    "--settle",
    "settle_max_s",
    type=Amount("seconds"),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest wait for the program to come to rest after the load.",
)
@click.option(
    "--no-collect",
    "collect",
    flag_value=False,
    default=True,
    help="Never force a collection: no finalizer runs because of us.",
)
@click.option(
    "--max-pause",
    "max_pause_ms",
    type=Amount("milliseconds", minimum=1.0),
    metavar="MS",
    help="Refuse collections that would pause the target for longer.",
)
@click.option(
    "--capture",
    type=click.Choice(["in-process", "fork", "auto"]),
    help="Let the target walk its own heap, or a child that it forks; auto: the shorter pause."
    "  [default: in-process for a scenario, auto for a live process]",
)
@click.option(
    "--save",
    "save_dir",
    type=FileName(),
    metavar="DIR",
    help="Keep the snapshots and the report here.",
)
@click.option("--show-output", is_flag=True, help="Show on stderr what target and load print.")
@live_options.CONTENT_OPTION
@click.option(
    "--no-birth",
    "birth",
    flag_value=False,
    default=True,
    help="Do not watch births: no hook in the target, births are inferred.",
)
@click.option(
    "--sites",
    is_flag=False,
    flag_value="0",
    default=None,
    type=Whole(0),
    metavar="[=BYTES]",
    help="Sample where objects are allocated, from the baseline on: one for every BYTES."
    "  [default: 8192 in a scenario, 524288 in a live process]",
)
@click.option(
    "--no-sites",
    "without_sites",
    is_flag=True,
    help="Sample no allocations: made at names functions and classes only.",
)
@click.option(
    "--tui",
    "is_shown",
    is_flag=True,
    help="Walk what was found in the terminal instead of printing it; without --save nothing is"
    " kept afterwards.",
)
@output.report_options
@click.pass_context
def hunt(context: click.Context, /, target: tuple[str, ...], **arguments: Any) -> int:
    """Find what leaks, who holds it and why, from snapshots before the load, after it and once
    garbage is collected.

    The target is a scenario (--scenario), a running process (PID; its workers are hunted with
    it), or a program to start (after --).
    """
    options = output.of_arguments(arguments)
    arguments["timeout_s"] = arguments["timeout_s"] or None
    if arguments.pop("without_sites"):
        arguments["sites"] = None
    elif arguments["sites"] is None:
        del arguments["sites"]  # what is usual
    with _shown(arguments, is_wanted=arguments.pop("is_shown")) as folder:
        return _hunt(context, target, arguments, replace(options, shown=folder))


def _hunt(
    context: click.Context,
    target: tuple[str, ...],
    arguments: dict[str, Any],
    options: output.OutputOptions,
) -> int:
    if arguments["scenario"] is not None:
        live_options.refuse_with_scenario(context, target)
        return _hunt_scenario(arguments, options)
    if not target:
        raise UsageError(
            "nothing to hunt",
            hint="a number for --sites is written --sites=BYTES"
            if arguments.get("sites")
            else "give --scenario FILE.py, a PID, or a command line after --",
        )
    live_options.refuse_without_scenario(context)
    return _hunt_live(target, arguments, options)


@contextlib.contextmanager
def _shown(arguments: dict[str, Any], *, is_wanted: bool) -> Iterator[Path | None]:
    """The directory whose case is shown in the terminal: that of ``--save``, else one that is
    gone afterwards.  Raises UsageError before the hunt when there is no terminal."""
    if not is_wanted:
        yield None
        return
    from leakhunt.cli.screen import require_terminal

    require_terminal()
    if arguments["save_dir"] is not None:
        yield arguments["save_dir"]
        return
    with tempfile.TemporaryDirectory(prefix="leakhunt-") as folder:
        arguments["save_dir"] = Path(folder)
        yield Path(folder)


def _hunt_scenario(arguments: dict[str, Any], options: output.OutputOptions) -> int:
    values = {name: arguments[name] for name in live_options.SHARED if name in arguments}
    values["capture"] = arguments["capture"] or "in-process"
    values["cycles"] = arguments["cycles"] or _SCENARIO_CYCLES
    values["warmup"] = _SCENARIO_WARMUP if arguments["warmup"] is None else arguments["warmup"]
    with Narrator(lines=values["show_output"]) as narrator:
        from leakhunt.hunt import HuntOptions, hunt_scenario

        report = hunt_scenario(
            HuntOptions(
                scenario=arguments["scenario"],
                python=arguments["python"],
                ladder=arguments["ladder"] or 0,
                **values,
            ),
            narrator,
        )
    return output.emit(report, options)


def _hunt_live(
    target: tuple[str, ...], arguments: dict[str, Any], options: output.OutputOptions
) -> int:
    is_dry_run = arguments.pop("is_dry_run")
    for name in live_options.SCENARIO_ONLY:
        del arguments[name]
    if arguments["warmup"] is None:
        arguments["warmup"] = _LIVE_WARMUP
    arguments["capture"] = arguments["capture"] or "auto"
    says_end = arguments["load"] is not None or arguments["duration_s"] is not None
    needs_keys = not says_end and not arguments["by_marks"] and streams.is_terminal(sys.stdin)
    lines = arguments["show_output"] or needs_keys
    with Narrator(lines=lines) as narrator, Keys(is_wanted=needs_keys and not is_dry_run) as keys:
        from leakhunt.hunt import LiveOptions, hunt_live

        wanted = LiveOptions(
            **live_options.target_of(target),
            **live_options.converted(arguments),
            control=keys if needs_keys else None,
        )
        if is_dry_run:
            from leakhunt.hunt.plan import plan_hunt

            return live_options.show_plan(plan_hunt(wanted), as_json=options.as_json)
        report = hunt_live(wanted, narrator)
    return output.emit(report, options)
