"""``leakhunt verify``: the same hunt again, compared with the one before the fix."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leakhunt.cli import live_options, output, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.keys import Keys
from leakhunt.cli.parameters import Amount, FileName, Interpreter, Whole
from leakhunt.cli.progress import Narrator

if TYPE_CHECKING:
    from leakhunt.report.verify_model import Verification

_EXAMPLES = """\b
Examples:
  leakhunt hunt --scenario checkout.py --json > before.json
  leakhunt verify before.json
  leakhunt verify before/ --scenario other/checkout.py --json
  leakhunt verify before.json --cycles 1000 --timeout 0
  leakhunt verify before.json 4711
  leakhunt verify before.json -- gunicorn -w 4 shop:app

\b
Exit codes:
  0  nothing leaks any more
  1  something does, or the hunt was too short to tell
"""


@click.command(short_help="Hunt again and compare: is it fixed?", epilog=_EXAMPLES)
@click.argument("before", type=FileName())
@click.argument("target", nargs=-1, metavar="[PID | -- COMMAND...]")
@click.option(
    "--scenario", metavar="FILE.py", type=FileName(), help="Another scenario than the one before."
)
@click.option("--cycles", type=Whole(1), metavar="N", help="Cycles of load.")
@click.option("--warmup", type=Whole(0), metavar="N", help="Cycles before the baseline.")
@click.option("--ladder", type=Whole(2), metavar="N", help="N settled snapshots.")
@click.option(
    "--python", type=Interpreter(), metavar="PATH", help="Another interpreter of the target."
)
@click.option(
    "--timeout",
    "timeout_s",
    type=Amount("seconds"),
    metavar="SECONDS",
    help="End a target that takes longer; 0 waits for ever.",
)
@click.option(
    "--settle",
    "settle_max_s",
    type=Amount("seconds"),
    metavar="SECONDS",
    help="Longest wait for the program to come to rest after the load.",
)
@click.option(
    "--save",
    "save_dir",
    type=FileName(),
    metavar="DIR",
    help="Keep the snapshots and the report of the new hunt here.",
)
@click.option("--show-output", is_flag=True, help="Show on stderr what the target prints.")
@click.option("--strict", is_flag=True, help="Exit with 1 for a SUSPECT too.")
@click.option(
    "--baseline",
    "known",
    type=FileName(),
    metavar="FILE",
    help="Known leaks (leakhunt accept): no alarm.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify(
    before: Path,
    target: tuple[str, ...],
    *,
    strict: bool,
    known: Path | None,
    as_json: bool,
    timeout_s: float | None,
    **changes: Any,
) -> ExitCode:
    """Repeat the hunt that BEFORE (its report as JSON, or the directory it was saved in) tells
    of, with the same settings, and compare the rates of its findings: fixed, improved,
    unchanged, worse or new. After the hunt of a running process, PID is the fixed one.
    """
    accepted = _read_known(known)
    from leakhunt.hunt import needs_control

    by_keys = streams.is_terminal(sys.stdin) and needs_control(before)
    lines = changes["show_output"] or by_keys
    with Narrator(lines=lines) as narrator, Keys(is_wanted=by_keys) as keys:
        from leakhunt.hunt import VerifyOptions, verify_hunt

        result = verify_hunt(
            VerifyOptions(
                before,
                {**changes, **_time_limit(timeout_s)},
                **(live_options.target_of(target) if target else {}),
                control=keys if by_keys else None,
            ),
            narrator,
        )
    if accepted:
        result = _marked(result, accepted)
    streams.write(_rendered(result, as_json=as_json))
    return _exit_code(result, strict=strict)


def _time_limit(timeout_s: float | None) -> dict[str, Any]:
    """Nothing when not given; a limit that no run reaches for 0."""
    return {} if timeout_s is None else {"timeout_s": timeout_s or _FOR_EVER_S}


_FOR_EVER_S = 1e9 - 1


def _read_known(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    from leakhunt.hunt.known import read_known

    return dict(read_known(path))


def _marked(result: Verification, accepted: dict[str, Any]) -> Verification:
    from dataclasses import replace

    from leakhunt.report.accepted import mark_known

    return replace(result, after=mark_known(result.after, accepted))


def _rendered(result: Verification, *, as_json: bool) -> str:
    if as_json:
        from leakhunt.report.verify_json import verification_to_json

        return verification_to_json(result) + "\n"
    from leakhunt.report.text.verify_screen import render_verification

    return render_verification(result, output.text_options())


def _exit_code(result: Verification, *, strict: bool) -> ExitCode:
    if result.errors:
        return ExitCode.TARGET
    is_suspect = strict and result.after.verdict == "SUSPECT"
    return ExitCode.NO_LEAK if result.is_fixed and not is_suspect else ExitCode.LEAK
