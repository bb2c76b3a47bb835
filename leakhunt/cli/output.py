"""What every command that ends in a report shares: its options, and the printing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from leakhunt.cli import exit_codes, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName, Whole

if TYPE_CHECKING:
    from leakhunt.report.accepted import Accepted
    from leakhunt.report.model import Report
    from leakhunt.report.text.sheet import TextOptions

_SORT_KEYS = (
    "size",
    "count",
    "born",
    "departed",
    "transient",
    "late",
    "resized",
    "garbage",
    "unreached",
    "final",
    "type",
)
"""growth_order.SORT_KEYS, without the cost of importing it for --help; a test compares them."""

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How the report is wanted."""

    as_json: bool
    sort: str
    top: int
    show_all: bool
    strict: bool
    known: Mapping[str, Accepted] = field(default_factory=dict)
    """Accepted leaks by fingerprint."""
    shown: Path | None = None
    """The saved hunt is walked in the terminal instead of printed."""


_OPTIONS = (
    click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
    click.option(
        "--sort",
        type=click.Choice(_SORT_KEYS),
        default="size",
        show_default=True,
        help="Order of the growth table.",
    ),
    click.option(
        "--top",
        type=Whole(1),
        default=10,
        show_default=True,
        metavar="N",
        help="Types in the growth table.",
    ),
    click.option("--all", "show_all", is_flag=True, help="Every type, every finding in full."),
    click.option("--strict", is_flag=True, help="Exit with 1 for a SUSPECT too."),
    click.option(
        "--rules",
        type=FileName(),
        multiple=True,
        metavar="FILE.py",
        help="Rules of your own for the detectors; may be given again.",
    ),
    click.option(
        "--baseline",
        "known",
        type=FileName(),
        metavar="FILE",
        help="Known leaks (leakhunt accept): shown as such, no alarm.",
    ),
)


def report_options(function: AnyFunction) -> AnyFunction:
    """Add the options of a report to a command; it passes them to :func:`of_arguments`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def of_arguments(arguments: dict[str, Any]) -> OutputOptions:
    """Take the options that :func:`report_options` added out of a command's arguments.

    Raises:
        UsageError: the file of known leaks is not one; better now than after the hunt.
    """
    names = ("as_json", "sort", "top", "show_all", "strict")
    path: Path | None = arguments.pop("known")
    known: Mapping[str, Accepted] = {}
    if path is not None:
        from leakhunt.hunt.known import read_known

        known = read_known(path)
    return OutputOptions(**{name: arguments.pop(name) for name in names}, known=known)


def emit(report: Report, options: OutputOptions) -> ExitCode:
    """Print the report to stdout, or show it, and return the exit code it means.

    Raises:
        UsageError: stdout cannot take it.
    """
    if options.known:
        from leakhunt.report.accepted import mark_known

        report = mark_known(report, options.known)
    if options.shown is not None and not options.as_json:
        from leakhunt.cli.screen import show

        show([str(options.shown)])
        return exit_codes.of_report(report, strict=options.strict)
    streams.write(_rendered(report, options))
    return exit_codes.of_report(report, strict=options.strict)


def _rendered(report: Report, options: OutputOptions) -> str:
    if options.as_json:
        from leakhunt.report.growth_order import ordered
        from leakhunt.report.json_report import to_json

        return to_json(replace(report, growth=ordered(report.growth, options.sort))) + "\n"
    from leakhunt.report.text import render_text

    return render_text(
        report,
        replace(text_options(), sort=options.sort, top=options.top, show_all=options.show_all),
    )


def text_options() -> TextOptions:
    """How stdout wants a screen drawn."""
    from leakhunt.report.text.sheet import TextOptions

    return TextOptions(
        width=streams.width(),
        color=streams.wants_color(sys.stdout),
        ascii_only=streams.is_ascii_only(sys.stdout),
    )
