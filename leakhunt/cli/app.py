"""The ``leakhunt`` command: its group, and what happens when a command ends badly.

A command is loaded when it is asked for, and all of them for ``--help``: they must be light.  What
is costly to import (numpy, rich, the use cases) they import when they run. A test holds that.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import FrameType
from typing import Final

import click

from leakhunt import __version__
from leakhunt.cli import exit_codes, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.errors import LeakhuntError

_CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

_EXAMPLES = """\b
Examples:
  leakhunt hunt --scenario checkout.py --cycles 200
  leakhunt hunt --scenario checkout.py --python .venv/bin/python --json > report.json
  leakhunt hunt 4242 --load 'wrk -d10s http://localhost:8000/'
  leakhunt hunt --load ./load.sh -- gunicorn -w 4 shop:app
  leakhunt snapshot 4242 -o now.lkheap
  leakhunt diff baseline.lkheap final.lkheap --cycles 200
  leakhunt trend out/baseline.lkheap out/final.lkheap out/ladder*.lkheap
  leakhunt verify before.json
  leakhunt waste final.lkheap
  leakhunt bill 4242
  leakhunt doctor 4242
  leakhunt report out/ -o leak.html
  leakhunt top 4242
  leakhunt watch 4242 --max-rss 500M --snapshot-dir kept/
  leakhunt export before/ -o devtools/
  leakhunt paths final.lkheap --to shop.Session
  leakhunt tui out/
  leakhunt whatif final.lkheap --cut 'shop.bus.BUS.listeners'

\b
Exit codes:
  0  no leak
  1  a leak (with --strict, a suspect too)
  2  the request or its input is bad
  3  the target failed or is out of reach, or the result is only partial
"""


_COMMANDS: Final = (
    "accept",
    "analyse",
    "assertion",
    "bill",
    "diff",
    "doctor",
    "export",
    "hunt",
    "jobs",
    "paths",
    "report",
    "sites",
    "snapshot",
    "tasks",
    "top",
    "trend",
    "tui",
    "verify",
    "version",
    "waste",
    "watch",
    "whatif",
)
"""Their names, each that of its module and of its function there."""


class _Commands(click.Group):
    """Loads a command on first use: a watch that runs for months carries no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  an interface
        """All names, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, None when there is none."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"leakhunt.cli.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(
    cls=_Commands,
    context_settings=_CONTEXT_SETTINGS,
    epilog=_EXAMPLES,
    invoke_without_command=True,
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Find memory leaks in CPython programs: what grows, who holds it, and why."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; never raises for what a user can cause.

    ``arguments`` are those after the program's name; None takes them from ``sys.argv``.
    """
    streams.make_writable()
    try:
        with _terminated_like_interrupted():
            return _run(arguments)
    except LeakhuntError as error:
        streams.complain(str(error), error.hint)
        return exit_codes.of_error(error)
    except click.ClickException as error:
        streams.complain(_lowered(error.format_message()), _usage_hint(error))
        return ExitCode.USAGE
    except _Terminated as end:
        streams.complain(end.what, "")
        return end.code
    except (KeyboardInterrupt, click.Abort):
        streams.complain("interrupted", "")
        return ExitCode.INTERRUPTED
    except MemoryError:
        streams.complain("leakhunt ran out of memory", "lift the limit (ulimit -v) or free some")
        return ExitCode.TARGET
    except Exception:  # noqa: BLE001  an unexpected one must not look like an answer
        return _confess()
    finally:
        streams.flush()


def _run(arguments: Sequence[str] | None) -> int:
    result = cli.main(
        args=None if arguments is None else list(arguments),
        prog_name="leakhunt",
        standalone_mode=False,
    )
    return result if isinstance(result, int) else ExitCode.NO_LEAK


def _usage_hint(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else "leakhunt"
    return f"{path} --help lists the options"


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:].removesuffix(".")


def _confess() -> int:
    """An exception that no one expected: not the user's fault, and not an answer."""
    import traceback

    traceback.print_exc()
    streams.complain(
        f"this is a mistake in leakhunt {__version__}, not in the program it looked at",
        "please report it with the lines above",
    )
    return ExitCode.INTERNAL


class _Terminated(BaseException):
    """A signal as an exception: whoever started a target ends it on the way out."""

    def __init__(self, code: ExitCode, what: str) -> None:
        super().__init__(what)
        self.code = code
        self.what = what


_ENDS = {
    signal.SIGTERM: (ExitCode.TERMINATED, "terminated"),
    signal.SIGHUP: (ExitCode.HUNG_UP, "the terminal went away"),
}


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, _frame: FrameType | None) -> None:
        raise _Terminated(*_ENDS[signal.Signals(number)])

    # What is ignored (nohup) stays ignored.
    taken = [number for number in _ENDS if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())
