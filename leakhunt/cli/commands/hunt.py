"""``leakhunt hunt``: run a scenario, take three snapshots, report what leaks."""

from __future__ import annotations

from typing import Any

import click

from leakhunt.cli import output
from leakhunt.cli.parameters import Amount, FileName, Interpreter, Whole
from leakhunt.cli.progress import Narrator

_EXAMPLES = """\b
Examples:
  leakhunt hunt --scenario checkout.py
  leakhunt hunt --scenario checkout.py --cycles 500 --python .venv/bin/python
  leakhunt hunt --scenario checkout.py --save snapshots/ --json > report.json

A scenario is a Python file with cycle(i) and, if it needs them, setup(), settle() and
teardown(), plain or async.
"""


@click.command(short_help="Run a scenario and find what it leaks.", epilog=_EXAMPLES)
@click.option(
    "--scenario",
    required=True,
    metavar="FILE.py",
    type=FileName(),
    help="What one cycle of load is.",
)
@click.option(
    "--cycles",
    type=Whole(1),
    default=200,
    show_default=True,
    metavar="N",
    help="Cycles of load between baseline and loaded.",
)
@click.option(
    "--warmup",
    type=Whole(0),
    default=20,
    show_default=True,
    metavar="N",
    help="Cycles before the baseline.",
)
@click.option(
    "--ladder",
    type=Whole(2),
    metavar="N",
    help="N settled snapshots after the baseline instead of one, the cycles run again before "
    "each: growth becomes a trend.",
)
@click.option(
    "--python",
    type=Interpreter(),
    metavar="PATH",
    help="Interpreter of the target, its virtual environment included.  [default: leakhunt's own]",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=Amount("seconds"),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="End a target that takes longer; 0 waits for ever.",
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
    default="in-process",
    show_default=True,
    help="Let the target walk its own heap, or a child that it forks; auto: the shorter pause. "
    "A fork helps the target's other threads.",
)
@click.option(
    "--save",
    "save_dir",
    type=FileName(),
    metavar="DIR",
    help="Keep the snapshots and the report here.",
)
@click.option("--show-output", is_flag=True, help="Show on stderr what the target prints.")
@click.option(
    "--no-birth",
    "birth",
    flag_value=False,
    default=True,
    help="Do not watch births: no hook in the target, births are inferred.",
)
@output.report_options
def hunt(timeout_s: float, show_output: bool, ladder: int | None, **arguments: Any) -> int:
    """Run a scenario in a child process, take snapshots before, after and once garbage is
    collected, and report what leaked, who holds it and why.
    """
    options = output.of_arguments(arguments)
    with Narrator(lines=show_output) as narrator:
        from leakhunt.hunt import HuntOptions, hunt_scenario

        report = hunt_scenario(
            HuntOptions(
                timeout_s=timeout_s or None,
                show_output=show_output,
                ladder=ladder or 0,
                **arguments,
            ),
            narrator,
        )
    return output.emit(report, options)
