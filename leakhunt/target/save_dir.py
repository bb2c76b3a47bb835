"""The directory where a hunt keeps its snapshots (``--save``)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from leakhunt.agent.format import COLUMNS_SUFFIX, FILE_SUFFIX
from leakhunt.agent.scenario import LABELS, ladder_labels
from leakhunt.errors import UsageError

REPORT_NAME = "report.json"
LADDER_MAX = 50
"""Points of the longest ladder."""
_LABELS = (*LABELS, *ladder_labels(LADDER_MAX))
_OURS = {REPORT_NAME, *(label + FILE_SUFFIX for label in _LABELS)}
_HINT = "give --save an empty directory, or one that a hunt filled before"


def prepare_save_dir(path: Path) -> Path:
    """Make the directory if it is missing; refuse one that is not ours or cannot be written.

    Called before the run starts, so that no work is lost.  Raises UsageError.
    """
    try:
        folder = Path(path).absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = sorted(entry.name for entry in folder.iterdir())
    except FileExistsError as exc:
        raise UsageError(f"{path} is not a directory", hint=_HINT) from exc
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else None
        raise UsageError(f"{path} cannot be used: {why or exc}", hint=_HINT) from exc
    foreign = [name for name in names if not _is_ours(name)]
    if foreign:
        raise UsageError(
            f"{path} is not empty and holds what no hunt wrote ({foreign[0]!r})", hint=_HINT
        )
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
    return name in _OURS or any(
        name.startswith(label + ".") and COLUMNS_SUFFIX in name for label in _LABELS
    )


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
