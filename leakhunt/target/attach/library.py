"""How the native library gets into the target: by its path, or as a file in memory."""

from __future__ import annotations

import os
import posixpath
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from leakhunt.errors import UsageError
from leakhunt.target.attach.identify import ProcessImage
from leakhunt.target.attach.loaded import DESCRIPTOR_FOLDER, MEMORY_FILE_FOLDER
from leakhunt.target.attach.procfs import ProcessStatus
from leakhunt.target.digest import digest

_PT_LOAD = 1
_SECTION_FIELDS = ((40, 8), (60, 2), (62, 2))


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the target will load."""

    path: str
    """The path it can open itself, or empty when ``image`` has to be brought."""
    image: bytes
    """What goes into the file in memory; empty when the path will do."""
    name: str
    """Of the file in memory, as ``/proc/PID/maps`` will show it."""
    folder: str
    """What the number of its descriptor is appended to to make a path; a spelling that no
    loaded library has."""


def delivery(library: Path, status: ProcessStatus, process: ProcessImage) -> Delivery:
    """By path where the target sees the same file and may map it, else by memory, once.

    Raises UsageError when there is no such file.
    """
    library = library.resolve()
    if _is_within_reach(library, status, f"/proc/{status.pid}/root"):
        return Delivery(str(library), b"", "", "")
    try:
        image = library.read_bytes()
    except OSError as exc:
        raise UsageError(f"the native agent {library} cannot be read: {exc.strerror}") from exc
    name = f"leakhunt-{digest([image], 12)}"
    names = process.loaded_names()
    for file in process.files:
        if file.path == MEMORY_FILE_FOLDER + name and file.start in names:
            return Delivery(names[file.start], b"", "", "")
    folder = DESCRIPTOR_FOLDER
    while any(posixpath.dirname(used) + "/" == folder for used in names.values()):
        folder += "./"
    return Delivery("", loadable_part(image), name, folder)


def loadable_part(image: bytes) -> bytes:
    """A shared library without what follows its last segment: debug information, mostly.

    The loader reads program headers only; the section headers that are cut off are unlisted.
    """
    (offset,) = struct.unpack_from("<Q", image, 32)
    entry_bytes, count = struct.unpack_from("<HH", image, 54)
    end = 64
    for index in range(count):
        fields = struct.unpack_from("<IIQQQQQQ", image, offset + index * entry_bytes)
        if fields[0] == _PT_LOAD:
            end = max(end, fields[2] + fields[5])
    part = bytearray(image[:end])
    for start, size in _SECTION_FIELDS:
        part[start : start + size] = bytes(size)
    return bytes(part)


def _is_within_reach(library: Path, status: ProcessStatus, root: str) -> bool:
    """Does the target see this very file at this path, readable and on a file system that
    allows execution?"""
    try:
        ours = library.stat()
        theirs = os.stat(f"{root}{library}")  # noqa: PTH116 - see small_file
        if (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino):
            return False
        if os.statvfs(library).f_flag & os.ST_NOEXEC:
            return False
        folders = list(library.parents)
        return _may(status, ours, 4) and all(_may(status, f.stat(), 1) for f in folders)
    except OSError:
        return False


def _may(status: ProcessStatus, file: os.stat_result, wish: int) -> bool:
    """Do the permission bits give the target's user ``wish`` (4 read, 1 search)?"""
    user, group = status.uids[1], status.gids[1]
    mode = stat.S_IMODE(file.st_mode)
    if user == 0:
        return bool(mode & 0o777)
    if user == file.st_uid:
        return bool(mode >> 6 & wish)
    if file.st_gid == group or file.st_gid in status.groups:
        return bool(mode >> 3 & wish)
    return bool(mode & wish)
