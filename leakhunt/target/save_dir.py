"""The directory where a hunt keeps its snapshots (``--save``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from leakhunt.agent.format import CACHE_SUFFIX, COLUMNS_SUFFIX, FILE_SUFFIX
from leakhunt.agent.scenario import LABELS, ladder_labels
from leakhunt.errors import UsageError
from leakhunt.target.work_folder import is_work_folder, remove_abandoned

REPORT_NAME = "report.json"
OUTPUT_NAME = "output.log"
"""What a program that was started printed."""
NOTEBOOK_NAME = "notebook.json"
"""What a person noted about the hunt; a new hunt leaves it."""
LADDER_MAX = 50
"""Points of the longest ladder."""
_LABELS = (*LABELS, *ladder_labels(LADDER_MAX))
_OURS = {REPORT_NAME, OUTPUT_NAME, *(label + FILE_SUFFIX for label in _LABELS)}
_HINT = "give --save an empty directory, or one that a hunt filled before"


def prepare_save_dir(path: Path) -> Path:
    """Make the directory if it is missing; refuse one that is not ours or cannot be written.

    Called before the run starts, so that no work is lost.  Raises UsageError.
    """
    try:
        folder = Path(path).absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_abandoned(folder)
        names = sorted(entry.name for entry in folder.iterdir())
    except FileExistsError as exc:
        raise UsageError(f"{path} is not a directory", hint=_HINT) from exc
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else None
        raise UsageError(f"{path} cannot be used: {why or exc}", hint=_HINT) from exc
    if any(is_work_folder(folder / name) for name in names):
        raise UsageError(f"another hunt is writing to {path}", hint="give --save another directory")
    foreign = [
        name
        for name in names
        if name != NOTEBOOK_NAME and not _is_ours(name) and not _is_of_a_process(folder / name)
    ]
    if foreign:
        raise UsageError(
            f"{path} is not empty and holds what no hunt wrote ({foreign[0]!r})", hint=_HINT
        )
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as exc:
        raise UsageError(
            f"{path} cannot be written: {exc.strerror or exc}",
            hint="give --save a directory that is writable and has space",
        ) from exc
    return folder


def _is_ours(name: str) -> bool:
    """A name that a hunt writes, or a file that was made of one."""
    return name.removesuffix(CACHE_SUFFIX) in _OURS or any(
        name.startswith(label + ".") and COLUMNS_SUFFIX in name for label in _LABELS
    )


def _is_of_a_process(path: Path) -> bool:
    """A folder in which a hunt kept the snapshots of one process of a family."""
    return (
        re.fullmatch(r"pid-\d+", path.name) is not None
        and path.is_dir()
        and all(_is_ours(entry.name) for entry in path.iterdir())
    )


def keep_family(
    folder: Path, paths_by_pid: Mapping[int, Mapping[str, Path]], *, is_alone: bool
) -> dict[int, dict[str, Path]]:
    """Move the snapshots of several processes into a folder each, ``pid-N``; of one into
    ``folder`` itself.  Those of an earlier hunt go.
    """
    import shutil

    for entry in folder.iterdir():
        if _is_of_a_process(entry):
            shutil.rmtree(entry)
    kept = {}
    for pid, path_by_label in paths_by_pid.items():
        place = folder if is_alone else folder / f"pid-{pid}"
        place.mkdir(mode=0o700, exist_ok=True)
        kept[pid] = keep_snapshots(place, path_by_label)
    if not is_alone:
        keep_snapshots(folder, {})
    return kept


def keep_snapshots(folder: Path, path_by_label: Mapping[str, Path]) -> dict[str, Path]:
    """Move the snapshots into ``folder``, replacing those of an earlier hunt.

    They come from a folder inside it, so that moving costs nothing.
    """
    for entry in folder.iterdir():
        if entry.is_file() and _is_ours(entry.name):
            entry.unlink()
    kept = {label: folder / (label + FILE_SUFFIX) for label in path_by_label}
    for label, path in path_by_label.items():
        path.replace(kept[label])
    return kept
