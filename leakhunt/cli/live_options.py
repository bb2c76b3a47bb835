"""Options of the commands that look into live processes, and what does not go together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from leakhunt.cli import streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import Amount, Whole
from leakhunt.errors import UsageError
from leakhunt.report.escape import escape

if TYPE_CHECKING:
    from leakhunt.hunt.plan import Plan

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

SHARED = (
    "timeout_s",
    "settle_max_s",
    "collect",
    "max_pause_ms",
    "save_dir",
    "birth",
    "sites",
    "show_output",
    "rules",
    "content",
)
"""Options that a scenario and a live process have in common."""

READY_OPTION = click.option(
    "--ready",
    metavar="port:N|line:REGEX|delay:TIME",
    help="When a started program is ready.  [default: it listens on a port, or 5 s]",
)
_LOAD_OPTIONS = (
    click.option(
        "--load",
        metavar="CMD",
        help="Live: a shell line that works the target; it is run --rounds times.",
    ),
    click.option(
        "--rounds",
        type=Whole(1),
        default=3,
        show_default=True,
        metavar="N",
        help="Runs of the load between baseline and loaded; a look comes after the first.",
    ),
    click.option(
        "--warmup-load", metavar="CMD", help="Another line for the runs before the baseline."
    ),
    click.option(
        "--duration",
        "duration_s",
        type=Amount("seconds", minimum=0.1),
        metavar="SECONDS",
        help="Live, without --load: whatever works the target does so for this long.",
    ),
    click.option(
        "--marks",
        "by_marks",
        is_flag=True,
        help='Live: the program calls leakhunt.mark("baseline"), "loaded" and "final" itself.',
    ),
    READY_OPTION,
)
_CAPTURE_OPTION = click.option(
    "--capture",
    type=click.Choice(("auto", "fork", "in-process")),
    default="auto",
    show_default=True,
    help="Let a forked copy be walked, or the process itself; auto: the shorter pause.",
)
CONTENT_OPTION = click.option(
    "--content",
    is_flag=True,
    help="Write hashes of strings and numbers too, so that leakhunt waste sees equal ones.",
)
_ATTACH_OPTIONS = (
    click.option(
        "--children/--no-children",
        default=None,
        help="Hunt every Python process below the target, or none.  [default: forked and"
        " multiprocessing workers]",
    ),
    click.option(
        "--redact", is_flag=True, help="Live: write no text but names of types, code, modules."
    ),
    click.option(
        "--method",
        default="auto",
        show_default=True,
        metavar="NAME",
        help="Way to attach; auto chooses.",
    ),
    click.option("--force", is_flag=True, help="Attach in spite of a seccomp filter."),
    click.option(
        "--dry-run", "is_dry_run", is_flag=True, help="Say what would be done, and do nothing."
    ),
)
SCENARIO_ONLY = ("scenario", "python", "ladder")
_LIVE_ONLY = (
    "load", "rounds", "warmup_load", "duration_s", "by_marks", "ready", "children",
    "redact", "method", "force", "is_dry_run",
)  # fmt: skip


def load_options(function: AnyFunction) -> AnyFunction:
    """Add what says how the target is loaded."""
    for option in reversed(_LOAD_OPTIONS):
        function = option(function)
    return function


def attach_options(function: AnyFunction) -> AnyFunction:
    """Add what says how the target is reached and captured."""
    for option in reversed(_ATTACH_OPTIONS):
        function = option(function)
    return function


def snapshot_options(function: AnyFunction) -> AnyFunction:
    """The same without the family: a snapshot is of one process."""
    for option in reversed((_CAPTURE_OPTION, CONTENT_OPTION, *_ATTACH_OPTIONS[1:])):
        function = option(function)
    return function


def bill_options(function: AnyFunction) -> AnyFunction:
    """How one process is reached and captured, no more."""
    for option in reversed((_CAPTURE_OPTION, *_ATTACH_OPTIONS[2:4])):
        function = option(function)
    return function


def refuse_with_scenario(context: click.Context, target: tuple[str, ...]) -> None:
    """What only live processes have.  Raises UsageError."""
    if target:
        raise UsageError(
            f"--scenario and {target[0]!r} do not go together",
            hint="a scenario is its own program; leave one of them out",
        )
    for name in _given(context, _LIVE_ONLY):
        raise UsageError(
            f"{name} is for live processes, not for --scenario",
            hint="a scenario's load is its cycle(i); --cycles and --warmup say how much",
        )


def refuse_without_scenario(context: click.Context) -> None:
    """What only a scenario has.  Raises UsageError."""
    for name in _given(context, SCENARIO_ONLY):
        raise UsageError(
            f"{name} is for --scenario", hint="a live process has its own interpreter already"
        )


def _given(context: click.Context, names: tuple[str, ...]) -> list[str]:
    """Those that were written on the command line, as they are written there."""
    return [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in names
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]


def target_of(words: tuple[str, ...]) -> dict[str, Any]:
    """A number is a process, all else a command line.  Raises UsageError for both at once."""
    if not (words[0].isdecimal() and words[0].isascii()):
        return {"command": words}
    if len(words) > 1:
        raise UsageError(
            f"process {words[0]} and {words[1]!r} do not go together",
            hint="give one PID, or a command line after --; --children hunts several processes",
        )
    return {"pid": int(words[0][:12])}


def converted(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments as members of LiveOptions.  Raises UsageError."""
    from leakhunt.target.family import Children
    from leakhunt.target.readiness import Ready, parse_ready

    values = dict(arguments)
    ready, children = values.pop("ready"), values.pop("children")
    values["ready"] = Ready() if ready is None else parse_ready(ready)
    by_wish = {None: Children.AUTO, True: Children.ALL, False: Children.NONE}
    values["children"] = by_wish[children]
    return values


def show_plan(plan: Plan, *, as_json: bool) -> int:
    """Print what would be done; the exit code says whether it could be."""
    code = ExitCode.NO_LEAK if plan.is_ready else ExitCode.TARGET
    if as_json:
        streams.write(json.dumps({"is_ready": plan.is_ready, **asdict(plan)}, indent=2) + "\n")
        return code
    lines: list[str] = []
    for process in plan.processes:
        what = f"CPython {process.python}, " if process.python else ""
        command = escape(" ".join(process.command), limit=60)
        lines.append(f"process {process.pid}: {what}{command}")
        if process.way and not process.obstacles:
            lines.append(f"  attach now: {process.way}")
        if process.agent:
            lines.append(f"  agent: {escape(process.agent, limit=200)}")
        for message, remedy in process.obstacles:
            lines.append(f"  refused: {escape(message, limit=500)}")
            lines.append(f"    remedy: {escape(remedy, limit=500)}")
    lines.append("would:")
    lines += [f"  {i}. {escape(step, limit=500)}" for i, step in enumerate(plan.steps, 1)]
    lines.append("what stays in the process afterwards:")
    lines += [f"  - {line}" for line in plan.left_behind]
    streams.write("\n".join(lines) + "\n")
    return code
