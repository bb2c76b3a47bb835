"""The files of a watch: a folder from which the oldest go, to keep a budget."""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.agent.format import FILE_SUFFIX
from leakhunt.errors import UsageError

_NAME: Final = re.compile(
    r"watch-(?P<pid>\d+)-(?P<start>\d+)-(?P<label>[a-z-]+)-\d{8}T\d{6}(?:-\d+)?"
    + re.escape(FILE_SUFFIX)
)
BASELINE: Final = "baseline"


@dataclass(frozen=True, slots=True)
class _Kept:
    path: Path
    process: tuple[int, int]
    label: str
    bytes: int
    modified_ns: int


class Ring:
    """Makes room for new files by removing the oldest of ours; touches no other file."""

    def __init__(self, folder: Path, budget_bytes: int) -> None:
        """Make the folder if it is missing.  Raises UsageError when it cannot be used."""
        self.folder = folder.absolute()
        self._budget_bytes = budget_bytes
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.folder / ".leakhunt-watch"
            probe.touch(mode=0o600)
            probe.unlink()
        except OSError as exc:
            raise UsageError(
                f"{folder} cannot be used for snapshots: {exc.strerror or exc}",
                hint="give --snapshot-dir a directory that is writable",
            ) from exc

    def new_path(self, pid: int, start_ticks: int, label: str, time_s: float) -> Path:
        """Where a snapshot of that moment goes; nothing is there yet."""
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(time_s))
        stem = f"watch-{pid}-{start_ticks}-{label}-{stamp}"
        path = self.folder / f"{stem}{FILE_SUFFIX}"
        number = 1
        while path.exists():
            number += 1
            path = self.folder / f"{stem}-{number}{FILE_SUFFIX}"
        return path

    def make_room(self, alive: Collection[tuple[int, int]]) -> list[Path]:
        """Remove the oldest files until the rest fit the budget; those gone.

        The first baselines of processes in ``alive`` (number and start time) go last, for without
        them the others say little.  The newest file stays, and the baseline of its process: two
        files that are more than the budget are kept.  O(files).
        """
        files = self._files()
        total = sum(one.bytes for one in files)
        gone = []
        for one in self._removable(files, alive):
            if total <= self._budget_bytes:
                break
            if _remove(one.path):
                total -= one.bytes
                gone.append(one.path)
        return gone

    def remove_oldest(self, alive: Collection[tuple[int, int]]) -> Path | None:
        """One file less, where the disk is full; None when there is none to spare."""
        files = self._removable(self._files(), alive)
        return next((one.path for one in files if _remove(one.path)), None)

    def _files(self) -> list[_Kept]:
        """Ours, the oldest first."""
        found = []
        for path in self.folder.iterdir():
            match = _NAME.fullmatch(path.name)
            try:
                status = path.lstat()
            except OSError:
                continue
            if match is not None and path.is_file():
                process = int(match["pid"]), int(match["start"])
                kept = _Kept(path, process, match["label"], status.st_size, status.st_mtime_ns)
                found.append(kept)
        return sorted(found, key=lambda one: (one.modified_ns, one.path))

    def _removable(self, files: list[_Kept], alive: Collection[tuple[int, int]]) -> list[_Kept]:
        """What may go, in the order in which it goes."""
        first: dict[tuple[int, int], _Kept] = {}
        for one in files:
            if one.label == BASELINE and one.process in alive:
                first.setdefault(one.process, one)
        newest = files[-1:]
        spared = [*newest, *(first[one.process] for one in newest if one.process in first)]
        baselines = [one for one in first.values() if one not in spared]
        others = [one for one in files if one not in spared and one not in baselines]
        return others + baselines


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
