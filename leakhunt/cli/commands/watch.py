"""``leakhunt watch``: is a running process leaking, told before it dies."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leakhunt.cli import streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName, Whole

if TYPE_CHECKING:
    from leakhunt.hunt.watch.options import WatchOptions
    from leakhunt.report.watch_model import WatchEvent, WatchSummary

_EXAMPLES = """\b
Examples:
  leakhunt watch 4242
  leakhunt watch 4242 --max-rss 500M --snapshot-dir /var/lib/leakhunt
  leakhunt watch 4242 --rate 1MB/min --exec 'mail -s "$LEAKHUNT_MESSAGE" ops < /dev/null'
  leakhunt watch 4242 --json --metrics 9464 >> watch.jsonl
"""


@click.command(short_help="Watch a process; say when it grows.", epilog=_EXAMPLES)
@click.argument("pid", type=Whole(1))
@click.option(
    "--interval",
    default="10s",
    show_default=True,
    metavar="TIME",
    help="Between samples; less of it as a limit comes near.",
)
@click.option(
    "--look",
    metavar="TIME",
    help="Between looks from inside (allocated blocks, the collector), each of which"
    " attaches; 0 never does.  [default: 60s]",
)
@click.option("--max-rss", metavar="SIZE", help="Alarm and snapshot at so much resident memory.")
@click.option(
    "--rate", metavar="SIZE/TIME", help="No alarm for slower growth, for instance 1MB/min."
)
@click.option(
    "--snapshot-dir",
    type=FileName(),
    metavar="DIR",
    help="Keep a baseline there, and a snapshot for each alarm.",
)
@click.option(
    "--keep",
    default="1G",
    show_default=True,
    metavar="SIZE",
    help="All snapshots together; the oldest go.",
)
@click.option(
    "--exec",
    "command",
    metavar="CMD",
    help="A line of shell for each alarm, snapshot and end; LEAKHUNT_* say what it is.",
)
@click.option("--metrics", metavar="[HOST:]PORT", help="Serve OpenMetrics there, on loopback.")
@click.option(
    "--textfile",
    type=FileName(),
    metavar="FILE.prom",
    help="Write the same to a file, for Prometheus' textfile collector.",
)
@click.option(
    "--children/--no-children",
    default=None,
    help="Watch every Python process below it, or none.  [default: forked and"
    " multiprocessing workers]",
)
@click.option("--duration", metavar="TIME", help="End after so long.  [default: when it ends]")
@click.option(
    "--redact", is_flag=True, help="Snapshots without text but names of types, code and modules."
)
@click.option("--method", default="auto", show_default=True, metavar="NAME", help="Way to attach.")
@click.option("--force", is_flag=True, help="Attach in spite of a seccomp filter.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each sample and event.")
def watch(as_json: bool, **arguments: Any) -> ExitCode:
    """Sample a process and its workers from outside, say how their memory goes on (growing,
    warming up, a step, swinging), and raise an alarm for what grows steadily or comes near its
    limit: --max-rss, or that of its control group.

    With --snapshot-dir, a snapshot is there before the kernel kills the process: leakhunt diff
    compares it with the baseline. The exit code is 1 if there was an alarm. Ctrl-C ends it.
    """
    from leakhunt.hunt.watch.loop import watch_process

    options = _options(arguments)
    told = _Told(as_json)
    summary: WatchSummary | None = None
    try:
        summary = watch_process(options, told)
    except KeyboardInterrupt:
        if told.samples == 0:
            raise
    alarms = told.alarms if summary is None else summary.alarms
    if not as_json:
        streams.write(
            f"{told.samples:,} samples, {alarms:,} alarms, {told.snapshots:,} snapshots\n"
        )
    return ExitCode.LEAK if alarms else ExitCode.NO_LEAK


class _Told:
    """Writes events as they come, and counts them."""

    def __init__(self, as_json: bool) -> None:
        self.samples = self.alarms = self.snapshots = 0
        self._as_json = as_json
        self._shows_samples = as_json or streams.is_terminal(sys.stdout)

    def __call__(self, event: WatchEvent) -> None:
        from leakhunt.report import watch_model

        self.samples += event.kind is watch_model.EventKind.SAMPLE
        self.alarms += event.kind is watch_model.EventKind.ALARM
        self.snapshots += event.kind is watch_model.EventKind.SNAPSHOT
        if event.kind is watch_model.EventKind.SAMPLE and not self._shows_samples:
            return
        if self._as_json:
            line = watch_model.event_to_json(event)
        else:
            clock = time.strftime("%H:%M:%S", time.localtime(event.time_s))
            line = watch_model.event_to_line(event, clock)
        if not streams.write(line + "\n"):
            raise KeyboardInterrupt  # who read this has seen enough


def _options(arguments: dict[str, Any]) -> WatchOptions:
    """The options as they were written.  Raises UsageError."""
    from leakhunt.hunt.watch import options
    from leakhunt.target.family import Children
    from leakhunt.target.readiness import parse_seconds

    def given(name: str, parse: Any) -> Any:
        value = arguments.pop(name)
        return None if value is None else parse(value)

    by_wish = {None: Children.AUTO, True: Children.ALL, False: Children.NONE}
    directory: Path | None = arguments.pop("snapshot_dir")
    return options.WatchOptions(
        interval_s=given("interval", parse_seconds),
        look_s=given("look", parse_seconds),
        max_rss_bytes=given("max_rss", options.parse_bytes),
        rate_bytes_per_s=given("rate", options.parse_rate),
        budget_bytes=given("keep", options.parse_bytes),
        metrics=given("metrics", options.parse_address),
        duration_s=given("duration", parse_seconds),
        children=by_wish[arguments.pop("children")],
        snapshot_dir=directory,
        **arguments,
    )
