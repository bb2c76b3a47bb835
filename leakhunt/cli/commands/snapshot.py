"""``leakhunt snapshot``: one snapshot of a live process."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leakhunt.cli import live_options, streams
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.cli.parameters import FileName, Whole
from leakhunt.cli.progress import Narrator
from leakhunt.report.escape import escape

if TYPE_CHECKING:
    from leakhunt.hunt.snapshot import SnapshotTaken

_EXAMPLES = """\b
Examples:
  leakhunt snapshot 4242 -o before.lkheap --label before
  leakhunt snapshot 4242 -o after.lkheap --label after
  leakhunt diff before.lkheap after.lkheap
"""


@click.command(short_help="Take one snapshot of a live process.", epilog=_EXAMPLES)
@click.argument("pid", type=Whole(1))
@click.option(
    "-o", "--output", required=True, type=FileName(), metavar="FILE", help="The file to write."
)
@click.option("--label", default="", metavar="TEXT", help="A word for it, kept in the file.")
@live_options.snapshot_options
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def snapshot(pid: int, output: Path, as_json: bool, is_dry_run: bool, **arguments: Any) -> int:
    """Attach to a process, write a snapshot of it, let it go. An existing file is replaced once
    the new one is whole.
    """
    with Narrator() as narrator:
        from leakhunt.hunt import SnapshotOptions, snapshot_process

        options = SnapshotOptions(pid=pid, output=output, **arguments)
        if is_dry_run:
            from leakhunt.hunt.plan import plan_snapshot

            return live_options.show_plan(plan_snapshot(options), as_json=as_json)
        taken = snapshot_process(options, narrator)
    streams.write(_as_json(taken) if as_json else _as_text(taken))
    return ExitCode.NO_LEAK


def _as_json(taken: SnapshotTaken) -> str:
    result = taken.result
    value = {
        "pid": taken.pid,
        "path": str(result.path),
        "mode": result.mode,
        "nodes": result.node_count,
        "file_bytes": result.file_bytes,
        "pause_ns": result.pause_ns,
        "predicted_walk_ns": result.predicted_walk_ns,
        "predicted_fork_ns": result.predicted_fork_ns,
        "interventions": [asdict(one) for one in taken.interventions],
        "notes": list(taken.notes),
    }
    return json.dumps(value, indent=2) + "\n"


def _as_text(taken: SnapshotTaken) -> str:
    from leakhunt.report import units

    result = taken.result
    path = escape(str(result.path), limit=500)
    stopped = sum(one.pause_ns for one in taken.interventions if one.kind == "attach")
    how = f"{result.mode}, {result.why}" if result.why else result.mode
    lines = [
        f"{path}: {units.count(result.node_count)} objects, {units.size(result.file_bytes)}",
        f"process {taken.pid} stood still for {units.duration(result.pause_ns)} ({how})",
        f"attaching stopped it for {units.duration(stopped)}",
        *(f"note: {escape(note, limit=500)}" for note in taken.notes),
    ]
    return "\n".join(lines) + "\n"
