"""Archives (``*.lkheap.zst``): streams compressed with zstd."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import zstandard

from leakhunt.errors import SnapshotError
from leakhunt.store.files import read_bytes, replacing
from leakhunt.store.stream import parse_start

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

_MAX_RATIO = 400
_FREE_BYTES = 1 << 24
"""A heap stream shrinks 2 to 10 times.  What claims to grow past this many times its size,
beyond the first 16 MiB, is no heap stream."""
_MAX_WINDOW_BYTES = 1 << 27


def pack_stream(source: Path, target: Path, *, level: int = 3) -> None:
    """Compress a stream into an archive (0600), whole or not at all.

    Raises:
        SnapshotError: the source is no stream, or a file cannot be read or written.
    """
    data = read_bytes(source)
    try:
        parse_start(data)
    except SnapshotError as error:
        raise SnapshotError(f"{source}: {error}", hint=error.hint) from None
    compressor = zstandard.ZstdCompressor(
        level=level, write_content_size=True, write_checksum=True, threads=0
    )
    packed = compressor.compress(data)
    with replacing(target) as file:
        file.write(packed)


def unpack_stream(source: Path, target: Path) -> None:
    """Restore the stream of an archive (0600), whole or not at all.

    Raises:
        SnapshotError: the archive is damaged or no archive, or a file cannot be read or written.
    """
    data = read_archive(source)
    with replacing(target) as file:
        file.write(data)


def read_archive(path: Path) -> bytes:
    """The stream in an archive, in memory.

    Raises:
        SnapshotError: missing, unreadable, truncated, damaged, or a decompression bomb.
    """
    data = read_bytes(path)
    try:
        return decompress(data)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}", hint=error.hint) from None


def decompress(data: bytes) -> bytes:
    """Content of the single zstd frame that ``data`` is.

    Memory is bounded by the size the frame declares, and that by its own size.

    Raises:
        SnapshotError: truncated, damaged, followed by something, or too large for its size.
    """
    try:
        frame = zstandard.get_frame_parameters(data)
    except zstandard.ZstdError as error:
        raise SnapshotError(f"not a zstd archive: {error}") from None
    if frame.content_size in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR):
        raise SnapshotError("the archive does not say how large its content is")
    if frame.content_size > _FREE_BYTES + _MAX_RATIO * len(data):
        raise SnapshotError(
            f"the archive of {len(data)} bytes claims {frame.content_size} bytes of content"
        )
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
    stepper = decompressor.decompressobj()
    try:
        content = stepper.decompress(data)
    except zstandard.ZstdError as error:
        raise SnapshotError(f"the archive is damaged: {error}") from None
    if not stepper.eof or len(content) != frame.content_size:
        raise SnapshotError(f"the archive is truncated after {len(data)} bytes")
    if stepper.unused_data:
        raise SnapshotError(f"{len(stepper.unused_data)} bytes follow the archive")
    return content


def read_beginning(file: BinaryIO, limit: int) -> bytes:
    """At most ``limit`` bytes of the stream in an open archive.

    Raises:
        SnapshotError: the archive is damaged.
    """
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
    file.seek(0)
    try:
        with decompressor.stream_reader(file, closefd=False) as reader:
            return reader.read(limit)
    except zstandard.ZstdError as error:
        raise SnapshotError(f"the archive is damaged: {error}") from None
