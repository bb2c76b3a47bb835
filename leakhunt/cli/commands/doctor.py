"""``leakhunt doctor``: the red flags of a running process."""

from __future__ import annotations

import click

from leakhunt.cli import output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import Amount, Whole
from leakhunt.cli.progress import Narrator

_EXAMPLES = """\b
Examples:
  leakhunt doctor 4242
  leakhunt doctor 4242 --duration 300 --json
"""


@click.command(short_help="Red flags of a running process, with figures.", epilog=_EXAMPLES)
@click.argument("pid", type=Whole(1))
@click.option(
    "--duration", "duration_s", type=Amount("seconds", minimum=1), default=30.0, show_default=True,
    metavar="SECONDS", help="How long to watch it.",
)  # fmt: skip
@click.option("--method", default="auto", show_default=True, metavar="NAME", help="Way to attach.")
@click.option("--force", is_flag=True, help="Attach in spite of a seccomp filter.")
@click.option("--json", "as_json", is_flag=True, help="Print the flags as JSON.")
def doctor(pid: int, duration_s: float, method: str, force: bool, as_json: bool) -> ExitCode:
    """Watch a process for a while and say what looks wrong: growth of memory, threads and
    descriptors, a collector that is off, garbage, memory that allocators keep, stuck tasks. Each
    figure has a light, its threshold, and what to run next.

    A flag is no verdict: the exit code is 0 whatever the lights.
    """
    with Narrator() as narrator:
        from leakhunt.hunt.doctor import examine_process

        report = examine_process(pid, duration_s, narrator, method=method, force=force)
    if as_json:
        from leakhunt.report.doctor_model import doctor_to_json

        streams.write(doctor_to_json(report) + "\n")
    else:
        from leakhunt.report.text.doctor_screen import render_doctor

        streams.write(render_doctor(report, output.text_options()))
    return ExitCode.NO_LEAK
