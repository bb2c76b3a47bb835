"""``leakhunt export``: snapshots for Chrome DevTools, memlab, Graphviz and graph viewers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leakhunt.cli import streams
from leakhunt.cli.parameters import FileName, Whole
from leakhunt.cli.progress import Narrator
from leakhunt.errors import UsageError

if TYPE_CHECKING:
    from leakhunt.hunt.around import Drawn
    from leakhunt.hunt.sites import WrittenStacks
    from leakhunt.interop.heapsnapshot.check import Checked
    from leakhunt.interop.heapsnapshot.writer import Written

_STANDARD_OUTPUT = Path("-")
_GRAPHS = ("dot", "graphml", "json")
_STACKS = ("folded", "speedscope", "heapprofile", "flamegraph")
_EXAMPLES = """\b
Examples:
  leakhunt export final.lkheap -o final.heapsnapshot
  leakhunt export snapshots/ -o devtools/
  leakhunt export --check devtools/final.heapsnapshot
  leakhunt export snapshots/ --format dot --around finding:1 | dot -Tsvg > leak.svg
  leakhunt export snapshots/ --format flamegraph -o sites.svg
  leakhunt export final.lkheap --format graphml --around shop.bus.BUS --depth 4 -o bus.graphml

In Chrome: DevTools (F12), Memory, Load profile. With several files loaded, choose Comparison
instead of Summary.
"""


@click.command(
    short_help="Write snapshots for Chrome DevTools, memlab, Graphviz and graph viewers.",
    epilog=_EXAMPLES,
)
@click.argument("files", nargs=-1, required=True, type=FileName(), metavar="FILE...")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(("heapsnapshot", *_GRAPHS, *_STACKS)),
    default="heapsnapshot",
    show_default=True,
    help="heapsnapshot is everything; dot, graphml and json are what is around an object; the"
    " others are where live memory was allocated.",
)
@click.option(
    "--output",
    "-o",
    type=FileName(),
    metavar="PATH",
    help="Where to write: a file, for several snapshots a directory."
    "  [all but heapsnapshot: standard output]",
)
@click.option(
    "--around",
    metavar="PATH|TYPE|@ADDRESS|finding:N",
    help="What a graph shows: a path as in a report, the instances of a type, or a finding.",
)
@click.option(
    "--depth",
    type=Whole(0),
    default=2,
    show_default=True,
    metavar="N",
    help="How many references away from it.",
)
@click.option(
    "--limit",
    type=Whole(1),
    default=100,
    show_default=True,
    metavar="N",
    help="Most objects in a graph; the heaviest are kept.",
)
@click.option("--check", is_flag=True, help="Write nothing: read .heapsnapshot files strictly.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def export(
    *,
    files: Sequence[Path],
    file_format: str,
    output: Path | None,
    around: str | None,
    check: bool,
    as_json: bool,
    **bounds: int,
) -> None:
    """Write snapshots for other tools.

    FILE is a snapshot, or a directory that `leakhunt hunt --save` filled. As heapsnapshot,
    Chrome DevTools and memlab open it; snapshots that are exported together give each object
    the same id in each file, so that the Comparison view of DevTools shows what was born and
    what departed. dot, graphml and json show what is around an object, and how a root
    leads to it. The others draw where live memory was allocated; heapprofile opens in DevTools.
    """
    if check:
        _check(files, as_json=as_json)
    elif file_format in _GRAPHS:
        _export_graph(
            files,
            file_format=file_format,
            around=around,
            bounds=bounds,
            output=output,
            as_json=as_json,
        )
    elif file_format in _STACKS and around is None:
        _export_stacks(files, file_format, output, as_json=as_json)
    elif around is not None:
        raise UsageError(
            "--around is for a graph", hint=f"add --format {' or --format '.join(_GRAPHS)}"
        )
    else:
        _export_snapshots(files, output, as_json=as_json)


def _check(files: Sequence[Path], *, as_json: bool) -> None:
    with Narrator() as narrator:
        from leakhunt.hunt.export import check_heapsnapshots

        checked = check_heapsnapshots(files, narrator)
    _print([_facts(file) for file in checked], map(_checked_line, checked), as_json=as_json)


def _export_snapshots(files: Sequence[Path], output: Path | None, *, as_json: bool) -> None:
    if output is None:
        raise UsageError(
            "it is not said where to write", hint="add -o NAME.heapsnapshot, or -o DIRECTORY"
        )
    with Narrator() as narrator:
        from leakhunt.hunt.export import export_heapsnapshots

        written = export_heapsnapshots(files, output, narrator)
    _print([_facts(file) for file in written], map(_written_line, written), as_json=as_json)


def _export_stacks(
    files: Sequence[Path], file_format: str, output: Path | None, *, as_json: bool
) -> None:
    target = _single_output(files, output, as_json=as_json)
    from leakhunt.hunt.sites import export_stacks

    written = export_stacks(files[0], file_format)
    if target is None:
        streams.write(written.data.decode("utf-8"))
        streams.narrate(_stacks_line(written, "standard output"))
        return
    written.save(target)
    facts = {"stack_count": written.stack_count, "bytes": written.bytes}
    line = _stacks_line(written, str(target))
    _print([{"path": str(target), "format": file_format, **facts}], [line], as_json=as_json)


def _single_output(files: Sequence[Path], output: Path | None, *, as_json: bool) -> Path | None:
    """Where one file goes that may go to standard output, which is None.  Raises UsageError."""
    if output == _STANDARD_OUTPUT:
        output = None
    if len(files) > 1:
        raise UsageError("it is made of one snapshot", hint="name one file or directory")
    if as_json and output is None:
        raise UsageError(
            "the export itself goes to standard output", hint="add -o FILE, or leave out --json"
        )
    return output


def _export_graph(
    files: Sequence[Path],
    *,
    file_format: str,
    around: str | None,
    bounds: dict[str, int],
    output: Path | None,
    as_json: bool,
) -> None:
    if around is None:
        raise UsageError(
            f"{file_format} shows what is around an object, and none is named",
            hint="add --around shop.bus.BUS, --around shop.Session or --around finding:1",
        )
    output = _single_output(files, output, as_json=as_json)
    with Narrator() as narrator:
        from leakhunt.hunt.around import export_around

        drawn = export_around(
            files[0], around, file_format=file_format, on_progress=narrator, **bounds
        )
    if output is None:
        streams.write(drawn.data.decode("utf-8"))
        streams.narrate(_drawn_line(drawn, "standard output"))
        return
    drawn.save(output)
    facts = {name: getattr(drawn, name) for name in drawn.COUNTS}
    line = _drawn_line(drawn, str(output))
    _print([{"path": str(output), "format": file_format, **facts}], [line], as_json=as_json)


def _print(facts: Sequence[dict[str, Any]], lines: Iterable[str], *, as_json: bool) -> None:
    streams.write(json.dumps({"files": facts}, indent=2) + "\n" if as_json else "".join(lines))


def _drawn_line(drawn: Drawn, name: str) -> str:
    from leakhunt.report.escape import escape

    words = f"{escape(name)}: {drawn.node_count:,} objects, {drawn.edge_count:,} references\n"
    if drawn.centre_count < drawn.asked_count:
        words += (
            f"  around {drawn.centre_count} of {drawn.asked_count:,} that are called so: those"
            " that retain most\n"
        )
    return words


def _stacks_line(written: WrittenStacks, name: str) -> str:
    from leakhunt.report import units
    from leakhunt.report.escape import escape

    stacks = units.plural(written.stack_count, "stack")
    return f"{escape(name)}: {stacks}, about {units.size(written.bytes)} live\n"


def _written_line(file: Written) -> str:
    from leakhunt.report import units

    words = f"{_counts(file)}, {units.size(file.file_bytes)}\n"
    if file.split_count:
        words += (
            f"  {units.plural(file.split_count, 'object')} of 4 GiB or more: the format has no"
            " such sizes, so the rest stands in nodes called (more bytes)\n"
        )
    return words


def _checked_line(file: Checked) -> str:
    from leakhunt.report import units

    words = f"{_counts(file)}, {units.size(file.self_bytes)} of objects: nothing is wrong\n"
    if not file.is_ours:
        words += "  not written by leakhunt: without its checksums, a moved edge goes unseen\n"
    return words


def _counts(file: Checked | Written) -> str:
    from leakhunt.report.escape import escape

    name = escape(str(file.path))
    return f"{name}: {file.node_count:,} nodes, {file.edge_count:,} edges"


def _facts(file: Checked | Written) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(file), "path": str(file.path)}
