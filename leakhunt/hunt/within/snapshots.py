"""The snapshots of an examination, taken by the process of itself."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leakhunt.agent.format import FILE_SUFFIX
from leakhunt.agent.scenario import LABELS
from leakhunt.errors import TargetError

SAMPLE_BYTES = 128
"""Mean distance of samples: an examination is short, and its leaks may be of 24 bytes."""
_SPACE_HINT = "make room there, or point TMPDIR to a folder with space"


@dataclass(slots=True)
class Snapshots:
    """A folder of our own (0700), births and allocation sites watched while it is open."""

    folder: Path = field(default_factory=Path)
    notes: list[str] = field(default_factory=list)
    _file_by_label: dict[str, bytes] = field(default_factory=dict)
    _has_births: bool = False
    _has_sites: bool = False

    def __enter__(self) -> Self:
        """Raises TargetError when there is no place for the files."""
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="leakhunt-"))
        except OSError as exc:
            raise _cannot_write(tempfile.gettempdir(), exc) from exc
        # Made now: what comes between two captures would be growth.
        for label in LABELS:
            self._file_by_label[label] = os.fsencode(self.folder / (label + FILE_SUFFIX))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unwatch()
        shutil.rmtree(self.folder, ignore_errors=True)

    def watch(self) -> None:
        """Births and allocations from now on; what keeps us from it is noted."""
        import _tracemalloc

        from leakhunt.agent import _heap, snapshots

        if not _tracemalloc.is_tracing():
            try:
                _heap.sites_start(SAMPLE_BYTES)
                self._has_sites = True
            except RuntimeError as exc:
                self.notes.append(f"allocations are not sampled: {exc}")
        try:
            snapshots.watch()
            self._has_births = True
        except RuntimeError as exc:
            self.notes.append(f"births are not watched: {exc}")

    @property
    def has_births(self) -> bool:
        """Whether births are watched, by us."""
        return self._has_births

    def unwatch(self) -> None:
        """End that."""
        from leakhunt.agent import _heap, snapshots

        if self._has_births:
            self._has_births = False
            snapshots.unwatch()
        if self._has_sites:
            self._has_sites = False
            _heap.sites_stop()

    def capture(self, label: str) -> None:
        """Raises TargetError when the snapshot cannot be taken."""
        from leakhunt.agent import snapshots

        try:
            snapshots.capture(self._file_by_label[label], label=label)
        except OSError as exc:
            raise _cannot_write(str(self.folder), exc) from exc
        except (RuntimeError, MemoryError) as exc:
            raise TargetError(
                f"no snapshot of this process: {str(exc) or 'out of memory'}"
            ) from exc

    @property
    def path_by_label(self) -> dict[str, Path]:
        """The snapshots that there are."""
        files = ((label, self.folder / (label + FILE_SUFFIX)) for label in LABELS)
        return {label: file for label, file in files if file.exists()}


def _cannot_write(folder: str, exc: OSError) -> TargetError:
    return TargetError(
        f"no snapshot can be written to {folder}: {exc.strerror or exc}", hint=_SPACE_HINT
    )


def describe_self() -> dict[str, Any]:
    """The target of a report: this process."""
    return {
        "command": [sys.executable, *sys.argv],
        "pid": os.getpid(),
        "python": {"version": sys.version.split()[0], "executable": sys.executable},
    }
