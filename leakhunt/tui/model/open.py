"""From what is written on the command line to a case; what is wrong with it is said at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leakhunt.errors import LeakhuntError, UsageError
from leakhunt.hunt.case import open_case
from leakhunt.hunt.files import diff_files
from leakhunt.hunt.inputs import check_one_process, refuse_pipe
from leakhunt.hunt.notebook import Notebook, notebook_path, read_notebook
from leakhunt.tui.model.case import Case

_MOST_FILES = 3


def case_of(sources: Sequence[str]) -> tuple[Case, str]:
    """The case of a saved hunt, of one to three snapshots, or of a process; and what there is
    to say about it.

    Reads reports and headers only: milliseconds.
    Raises UsageError or SnapshotError: nothing of the kind is there, or it cannot be read.
    """
    if not sources:
        raise UsageError(
            "nothing to look at", hint="give a directory that hunt --save filled, snapshots, a PID"
        )
    if len(sources) == 1:
        path = Path(sources[0])
        if sources[0].isdigit() and not path.exists():
            return Case(f"PID {sources[0]}", Notebook(None), pid=int(sources[0])), ""
        if path.is_dir() or path.suffix == ".json":
            return _of_hunt(path)
    return _of_files([Path(source) for source in sources])


def _of_hunt(path: Path) -> tuple[Case, str]:
    saved = open_case(path)
    files = dict(saved.files)
    if "final" in files:  # it is walked; a window or ladder after it is not
        files["final"] = files.pop("final")
    _check(files)
    notebook, problem = _notebook(saved.folder)
    title = saved.folder.resolve().name
    return Case(title, notebook, files, saved.folder, saved.report), problem


def _of_files(paths: Sequence[Path]) -> tuple[Case, str]:
    if len(paths) > _MOST_FILES:
        raise UsageError(
            f"{len(paths)} snapshots are too many to compare",
            hint="give baseline and final, or baseline, loaded and final, or a saved hunt",
        )
    labels = {1: ("final",), 2: ("baseline", "final"), 3: ("baseline", "loaded", "final")}
    files = dict(zip(labels[len(paths)], paths, strict=True))
    for path in paths:
        refuse_pipe(path)
    _check(files)
    notebook, problem = _notebook(paths[-1])
    title = " → ".join(path.name for path in paths)
    case = Case(title, notebook, files, paths[-1].parent)
    if len(paths) > 1:
        case.make_report = lambda: diff_files(paths)
    return case, problem


def _check(files: dict[str, Path]) -> None:
    """Every file can be read as a snapshot, and they are of one process."""
    from leakhunt.store.catalog import read_entry

    headers = {label: read_entry(path).header for label, path in files.items()}
    check_one_process(files, headers)


def _notebook(source: Path) -> tuple[Notebook, str]:
    """The notebook; one that is kept nowhere when there is something that is none."""
    try:
        return read_notebook(notebook_path(source)), ""
    except LeakhuntError as error:
        return Notebook(None), f"{error}; what you note is not kept"
