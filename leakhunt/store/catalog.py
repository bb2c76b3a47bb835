"""The snapshots in a folder: which there are, in which order they were taken, their labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from leakhunt.agent.format import ARCHIVE_SUFFIX, COLUMNS_SUFFIX, FILE_SUFFIX
from leakhunt.errors import SnapshotError
from leakhunt.store.archive import read_beginning
from leakhunt.store.columns_file import read_directory
from leakhunt.store.files import reason_of
from leakhunt.store.reader import SnapshotForm, form_of_file
from leakhunt.store.stream import FRAME_BYTES, bytes_of_start, parse_start

_SUFFIXES = (ARCHIVE_SUFFIX, FILE_SUFFIX, COLUMNS_SUFFIX)
_MAX_LABEL_IN_NAME = 40


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One snapshot of a folder; only its header has been read."""

    path: Path
    form: SnapshotForm
    header: dict[str, Any]

    @property
    def label(self) -> str:
        """The free text given when it was taken."""
        return str(self.header["label"])

    @property
    def sequence(self) -> int:
        """Number of the capture in its process, from 0."""
        return int(self.header["sequence"])


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a folder holds."""

    entries: tuple[CatalogEntry, ...]
    """By process, then in the order they were taken."""
    problems: tuple[SnapshotError, ...]
    """One for each file that is named like a snapshot and cannot be read as one."""

    def by_label(self, label: str) -> CatalogEntry:
        """The last snapshot with this label.

        Raises:
            SnapshotError: there is none.
        """
        for entry in reversed(self.entries):
            if entry.label == label:
                return entry
        known = ", ".join(sorted({entry.label for entry in self.entries})) or "none"
        raise SnapshotError(
            f"there is no snapshot labelled {label!r} (labels: {known})",
            hint="use one of these labels, or the path of a file",
        )


def list_snapshots(folder: Path | str) -> Catalog:
    """The snapshots in a folder, told by suffix, described by their headers.

    Of several forms of one snapshot (same name, other suffix) the mapped one is taken, then
    the stream.  O(files); reads no more than the headers.

    Raises:
        SnapshotError: the folder cannot be listed.
    """
    folder = Path(folder)
    try:
        paths = sorted(path for path in folder.iterdir() if path.name.endswith(_SUFFIXES))
    except OSError as error:
        raise SnapshotError(
            f"cannot list {folder}: {reason_of(error)}", hint="name a folder that you may read"
        ) from error
    entry_by_stem: dict[str, CatalogEntry] = {}
    problems: list[SnapshotError] = []
    for path in sorted(paths, key=_preference):
        try:
            entry = read_entry(path)
        except SnapshotError as error:
            problems.append(error)
            continue
        entry_by_stem[_stem(path)] = entry
    return Catalog(_in_order(list(entry_by_stem.values())), tuple(problems))


def read_entry(path: Path) -> CatalogEntry:
    """Form and header of one snapshot file.

    Raises:
        SnapshotError: it cannot be read or is no snapshot.
    """
    form = form_of_file(path)
    try:
        return CatalogEntry(path, form, _read_header(path, form))
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}", hint=error.hint) from None
    except OSError as error:
        raise SnapshotError(f"cannot read {path}: {reason_of(error)}") from error


def file_name(sequence: int, label: str) -> str:
    """Name for a stream: sorts in the order taken, and shows the label where it can."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", label).strip("-.")[:_MAX_LABEL_IN_NAME]
    return f"{sequence:03d}-{plain or 'snapshot'}{FILE_SUFFIX}"


def _read_header(path: Path, form: SnapshotForm) -> dict[str, Any]:
    with path.open("rb") as file:
        if form is SnapshotForm.COLUMNS:
            return read_directory(file)[0].header
        read = read_beginning if form is SnapshotForm.ARCHIVE else _read_plain
        needed = bytes_of_start(read(file, FRAME_BYTES))
        return parse_start(read(file, needed)).header


def _read_plain(file: BinaryIO, limit: int) -> bytes:
    file.seek(0)
    return file.read(limit)


def _stem(path: Path) -> str:
    suffix = next(suffix for suffix in _SUFFIXES if path.name.endswith(suffix))
    return path.name[: -len(suffix)]


def _preference(path: Path) -> tuple[int, str]:
    """Least wanted form first."""
    order = (ARCHIVE_SUFFIX, FILE_SUFFIX, COLUMNS_SUFFIX)
    return next(i for i, suffix in enumerate(order) if path.name.endswith(suffix)), path.name


def _in_order(entries: list[CatalogEntry]) -> tuple[CatalogEntry, ...]:
    """By process, the one captured first first; then by capture number."""
    first_by_process: dict[str, str] = {}
    for entry in entries:
        key, created = _process_key(entry), str(entry.header["created"])
        first_by_process[key] = min(first_by_process.get(key, created), created)

    def order(entry: CatalogEntry) -> tuple[str, str, int, str]:
        key = _process_key(entry)
        return first_by_process[key], key, entry.sequence, entry.path.name

    return tuple(sorted(entries, key=order))


def _process_key(entry: CatalogEntry) -> str:
    process = entry.header["process"]
    return "/".join(str(process.get(name)) for name in ("boot_id", "pid", "start_ticks"))
