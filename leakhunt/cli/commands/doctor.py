"""``leakhunt doctor``: the red flags of a process."""

from __future__ import annotations

from typing import Any

import click

from leakhunt.cli import live_options, output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import Amount
from leakhunt.cli.progress import Narrator
from leakhunt.errors import UsageError

_EXAMPLES = """\b
Examples:
  leakhunt doctor 4242
  leakhunt doctor 4242 --duration 300 --json
  leakhunt doctor --load 'wrk -d10s http://localhost:8000/' -- uvicorn shop:app
"""


@click.command(short_help="Red flags of a process, with figures.", epilog=_EXAMPLES)
@click.argument("target", nargs=-1, metavar="[PID | -- COMMAND...]")
@click.option(
    "--load", metavar="CMD", help="A shell line that works it, run again and again meanwhile."
)
@click.option(
    "--duration", "duration_s", type=Amount("seconds", minimum=1), default=30.0, show_default=True,
    metavar="SECONDS", help="How long to watch it.",
)  # fmt: skip
@live_options.READY_OPTION
@click.option(
    "--timeout", "timeout_s", type=Amount("seconds"), default=300.0, show_default=True,
    metavar="SECONDS", help="The longest wait until a started program is ready; 0 waits for ever.",
)  # fmt: skip
@click.option("--method", default="auto", show_default=True, metavar="NAME", help="Way to attach.")
@click.option("--force", is_flag=True, help="Attach in spite of a seccomp filter.")
@click.option("--show-output", is_flag=True, help="Show on stderr what program and load print.")
@click.option("--json", "as_json", is_flag=True, help="Print the flags as JSON.")
def doctor(
    target: tuple[str, ...], ready: str | None, timeout_s: float, as_json: bool, **arguments: Any
) -> ExitCode:
    """Watch a process for a while and say what looks wrong: growth of memory, threads and
    descriptors, a collector that is off or takes long, a late event loop, garbage, memory that
    allocators keep, stuck tasks. Each figure has a light, its threshold, and what to run next.

    A program after -- is started untouched, and ended when all is seen. A flag is no verdict: the
    exit code is 0 whatever the lights.
    """
    if not target:
        raise UsageError("nobody to look at", hint="give a PID, or a command line after --")
    with Narrator(lines=arguments["show_output"]) as narrator:
        from leakhunt.hunt.doctor import DoctorOptions, examine
        from leakhunt.target.readiness import Ready, parse_ready

        options = DoctorOptions(
            **live_options.target_of(target),
            ready=Ready() if ready is None else parse_ready(ready),
            timeout_s=timeout_s or None,
            **arguments,
        )
        report = examine(options, narrator)
    if as_json:
        from leakhunt.report.doctor_model import doctor_to_json

        streams.write(doctor_to_json(report) + "\n")
    else:
        from leakhunt.report.text.doctor_screen import render_doctor

        streams.write(render_doctor(report, output.text_options()))
    return ExitCode.NO_LEAK
