"""What is mapped in a process: ``/proc/PID/maps``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leakhunt.target.small_file import read_text

_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class MappedFile:
    """A file that is mapped from its first byte on."""

    path: str
    """As the process sees it; without the remark that it was deleted since."""
    start: int
    is_deleted: bool

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


def mapped_files(pid: int, proc: Path = Path("/proc")) -> list[MappedFile]:
    """Each mapped file once, in the order of addresses.  Raises OSError."""
    text = read_text(f"{proc}/{pid}/maps", errors="surrogateescape")
    seen: dict[str, MappedFile] = {}
    for file in _parse(text):
        seen.setdefault(file.path, file)
    return list(seen.values())


def _parse(text: str) -> Iterator[MappedFile]:
    for line in text.splitlines():
        if "/" not in line:  # Tens of thousands of mappings have no file
            continue
        fields = line.split(None, 5)
        if len(fields) != 6 or not fields[5].startswith("/") or int(fields[2], 16):
            continue
        path = fields[5]
        yield MappedFile(
            path=path.removesuffix(_DELETED),
            start=int(fields[0].partition("-")[0], 16),
            is_deleted=path.endswith(_DELETED),
        )
