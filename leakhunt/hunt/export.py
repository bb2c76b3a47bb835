"""Export snapshots for other tools; check files in their formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leakhunt.errors import LeakhuntError, UsageError
from leakhunt.hunt.heaps import open_heap
from leakhunt.hunt.inputs import check_one_process, refuse_pipe, window_beside
from leakhunt.hunt.output_file import real_target
from leakhunt.target.progress import OnProgress, Progress, ignore_progress

if TYPE_CHECKING:
    from leakhunt.interop.heapsnapshot.check import Checked
    from leakhunt.interop.heapsnapshot.writer import OnRows, Written
    from leakhunt.store.catalog import CatalogEntry

HEAPSNAPSHOT_SUFFIX = ".heapsnapshot"
_WINDOW = "window"
_WORKER = "pid-*"
"""Folders that a hunt keeps for each of several processes."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One snapshot of the case."""

    source: Path
    target: Path | None
    """None when it only tells who is who in the snapshots around it."""


def export_heapsnapshots(
    sources: Sequence[Path], out: Path, on_progress: OnProgress | None = None
) -> tuple[Written, ...]:
    """Write snapshots of one process as ``.heapsnapshot`` files with ids that fit together.

    A source is a snapshot file or a folder of them, for instance what ``hunt --save`` kept: of
    a folder, all its snapshots are written but the window, which helps to tell objects apart.
    One snapshot goes to the file ``out``; several go into the folder ``out``, those of several
    workers of one hunt into a folder each.

    Raises:
        UsageError: no source, sources of several processes or out of order, an unfit ``out``.
        SnapshotError: a source cannot be read, or a file cannot be written.
    """
    tell = on_progress or ignore_progress
    written: list[Written] = []
    for folder, target in _families([Path(source) for source in sources], Path(out)):
        written += _export_case(folder, target, tell)
    return tuple(written)


def _families(sources: Sequence[Path], out: Path) -> list[tuple[Sequence[Path], Path]]:
    """The sources of each process, and where they go: a hunt in several workers keeps a folder
    for each."""
    if len(sources) == 1 and sources[0].is_dir():
        workers = sorted(path for path in sources[0].glob(_WORKER) if path.is_dir())
        if workers:
            return [([worker], out / worker.name) for worker in workers]
    return [(sources, out)]


def _export_case(sources: Sequence[Path], out: Path, tell: OnProgress) -> list[Written]:
    """The snapshots of one process."""
    entries, is_folder = _entries(sources)
    tasks = _tasks(entries, out, is_case=is_folder or len(entries) > 1)
    from leakhunt.interop.heapsnapshot.ids import ObjectIds
    from leakhunt.interop.heapsnapshot.rows import Rows
    from leakhunt.interop.heapsnapshot.writer import write_heapsnapshot

    ids = ObjectIds()
    written = []
    for task in tasks:
        tell(Progress(f"reading {task.source.name}"))
        heap = open_heap(task.source, derive=False, on_progress=tell)
        rows = Rows(heap.graph, ids)
        if task.target is not None:
            on_rows = _teller(tell, f"writing {task.target.stem}")
            written.append(write_heapsnapshot(task.target, rows, on_rows))
    return written


def check_heapsnapshots(
    paths: Sequence[Path], on_progress: OnProgress | None = None
) -> tuple[Checked, ...]:
    """Read ``.heapsnapshot`` files strictly.

    Raises:
        SnapshotError: something in one of them is wrong; says what and where.
    """
    from leakhunt.interop.heapsnapshot.check import check_heapsnapshot

    tell = on_progress or ignore_progress
    for path in paths:
        refuse_pipe(path)
    return tuple(check_heapsnapshot(path, _teller(tell, f"checking {path.stem}")) for path in paths)


def _teller(tell: OnProgress, words: str) -> OnRows:
    def on_rows(section: str, done: int, total: int) -> None:
        tell(Progress(f"{words} {section}", done, total))

    return on_rows


def _entries(sources: Sequence[Path]) -> tuple[list[CatalogEntry], bool]:
    """The snapshots that the sources name, and whether one of them is a folder."""
    from leakhunt.store.catalog import list_snapshots, read_entry

    entries: list[CatalogEntry] = []
    is_folder = False
    for source in sources:
        refuse_pipe(source)
        if not source.is_dir():
            entries.append(read_entry(source))
            continue
        is_folder = True
        catalog = list_snapshots(source)
        if catalog.problems:
            raise catalog.problems[0]
        if not catalog.entries:
            raise UsageError(
                f"there is no snapshot in {source}", hint="name the folder of leakhunt hunt --save"
            )
        entries += catalog.entries
    if not entries:
        raise UsageError("there is nothing to export", hint="name a snapshot file or a folder")
    return entries, is_folder


def _tasks(entries: Sequence[CatalogEntry], out: Path, *, is_case: bool) -> list[_Task]:
    files = {str(i): entry.path for i, entry in enumerate(entries)}
    check_one_process(files, {str(i): entry.header for i, entry in enumerate(entries)})
    if not is_case:
        return [_Task(entries[0].path, _single_target(out))]
    _make_folder(out)
    written = [e for e in entries if e.label != _WINDOW] or list(entries)
    target_by_path = dict(zip((e.path for e in written), _names_in(out, written), strict=True))
    return [
        _Task(path, target_by_path.get(path)) for path in _with_windows(entries)
    ]  # fmt: skip


def _with_windows(entries: Sequence[CatalogEntry]) -> Iterator[Path]:
    """The files in order, with a window that lies beside them where births need it."""
    named = {entry.path.absolute() for entry in entries}
    for i, entry in enumerate(entries):
        if i:
            before = entries[i - 1]
            window = window_beside(before.path, before.header, entry.header)
            if window is not None and window.absolute() not in named:
                yield window
        yield entry.path


def _single_target(out: Path) -> Path:
    target = real_target(out)
    if out.suffix != HEAPSNAPSHOT_SUFFIX:
        raise UsageError(
            f"{out} does not end with {HEAPSNAPSHOT_SUFFIX}",
            hint="the load dialog of Chrome DevTools lists no other files",
        )
    return target


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError(
            f"{out} is a file, but several snapshots need a directory",
            hint="give --output a directory",
        ) from error
    except OSError as error:
        raise LeakhuntError(
            f"cannot make the directory {out}: {error.strerror or error}",
            hint="give --output a directory that may be made",
        ) from error


def _names_in(folder: Path, entries: Sequence[CatalogEntry]) -> list[Path]:
    """One name for each, after the file it comes from; numbered when two are called alike."""
    stems = [entry.path.name.split(".lk")[0] for entry in entries]
    if len(set(stems)) < len(stems):
        stems = [f"{i}-{stem}" for i, stem in enumerate(stems, 1)]
    return [folder / (stem + HEAPSNAPSHOT_SUFFIX) for stem in stems]
