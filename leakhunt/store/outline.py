"""What a snapshot file holds, told without decoding it: the key of its content, its counts."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from leakhunt.agent.format import BLOCK_BYTES
from leakhunt.errors import SnapshotError
from leakhunt.store.files import reason_of
from leakhunt.store.metadata import MAX_JSON_BYTES, parse_object
from leakhunt.store.stream import FRAME_BYTES, bytes_of_start, parse_start

_HEAD = struct.Struct("<IQ")
"""Length and hash of a block."""
_FREE_BLOCKS = 256
_LEAST_BLOCK_BYTES = BLOCK_BYTES // 16
"""A stream of ours has fewer blocks than these two allow: all are full but the last."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What :func:`outline_of` tells."""

    key: str
    """32 hex digits; equal for files of equal content."""
    footer: Mapping[str, Any]
    """The footer of a stream; empty when it takes decoding to know it."""


def outline_of_stream(path: Path) -> Outline:
    """Key and footer of a stream.  O(blocks): the hashes of its blocks stand for their content,
    so that a file of gigabytes is told in a millisecond.

    A stream whose blocks do not have their hashes is damaged, and decoding it says so.

    Raises:
        SnapshotError: it cannot be read, is truncated, damaged in its frame, or newer.
    """
    try:
        with path.open("rb") as file:
            return _outline(file)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}", hint=error.hint) from None
    except OSError as error:
        raise SnapshotError(f"cannot read {path}: {reason_of(error)}") from error


def key_of_file(path: Path) -> str:
    """Key of a file whose content has no outline: a hash of all of it.  O(n)."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, _hasher).hexdigest()
    except OSError as error:
        raise SnapshotError(f"cannot read {path}: {reason_of(error)}") from error


def _hasher() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)


def _outline(file: BinaryIO) -> Outline:
    size = file.seek(0, 2)
    file.seek(0)
    needed = bytes_of_start(file.read(FRAME_BYTES))
    file.seek(0)
    start = file.read(needed)
    at = parse_start(start).end
    digest = _hasher()
    digest.update(struct.pack("<Q", size) + start)
    for _ in range(_FREE_BLOCKS + size // _LEAST_BLOCK_BYTES):
        file.seek(at)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            break
        length, _ = _HEAD.unpack(head)
        if length == 0:
            return Outline(*_with_footer(file, at + 4, size, digest))
        digest.update(head)
        at += _HEAD.size + length
    else:
        raise SnapshotError("the stream is cut into more blocks than a capture makes")
    raise SnapshotError(f"the stream is truncated: a block should begin at byte {at}")


def _with_footer(
    file: BinaryIO, at: int, size: int, digest: hashlib.blake2b
) -> tuple[str, Mapping[str, Any]]:
    """Key and footer; the footer begins at ``at``."""
    file.seek(at)
    tail = file.read(min(size - at, MAX_JSON_BYTES))
    digest.update(tail)
    (length,) = struct.unpack_from("<I", tail.ljust(4, b"\0"))
    return digest.hexdigest(), parse_object(tail[4 : 4 + length], "footer", at + 4)
