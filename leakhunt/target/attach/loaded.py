"""Which native libraries of ours a process has loaded already, and under which names.

A library that came as a file in memory stays loaded; to load it again for each attach would
make the target grow.  The loader takes a name that it has loaded for that library without
looking at any file, so the old name serves again.

Source: the ``r_debug`` interface of the System V dynamic linker, as in ``link.h``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from leakhunt.target.attach.elf import LoadedElf, NotElfError
from leakhunt.target.attach.maps import MappedFile
from leakhunt.target.attach.memory import CachedReader

MEMORY_FILE_FOLDER = "/memfd:"
DESCRIPTOR_FOLDER = "/proc/self/fd/"

_LIBRARY_COUNT_MAX = 10_000
_FIRST_MAP = 8


def loaded_names(reader: CachedReader, files: list[MappedFile]) -> dict[int, str]:
    """Name by start address of the libraries that were loaded through a descriptor."""
    entries = _link_map(reader, files)
    return {address: name for address, name in entries if name.startswith(DESCRIPTOR_FOLDER)}


def _link_map(reader: CachedReader, files: list[MappedFile]) -> Iterator[tuple[int, str]]:
    """Load address and name of each loaded file."""
    try:
        entry = _first_entry(reader, files)
        for _ in range(_LIBRARY_COUNT_MAX):
            if not entry:
                return
            address, name, _, entry = struct.unpack("<4Q", reader.read(entry, 32))
            yield address, reader.read_text(name).decode("utf-8", "replace")
    except OSError:
        return  # The list is being changed: then the library is loaded once more


def _first_entry(reader: CachedReader, files: list[MappedFile]) -> int:
    for file in files:
        if file.name.startswith("ld-"):
            try:
                debug = LoadedElf(reader, file.start).symbol("_r_debug")
            except NotElfError:
                continue
            if debug is not None:
                (entry,) = struct.unpack("<Q", reader.read(debug.address + _FIRST_MAP, 8))
                return int(entry)
    return 0
