"""Reading and replacing whole files, with errors a person can act on."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from leakhunt.errors import SnapshotError

_half_written: set[Path] = set()


def reason_of(error: OSError) -> str:
    """What the system said, without the number and the path."""
    return error.strerror or str(error)


def read_bytes(path: Path, limit: int | None = None) -> bytes:
    """Content of a file, or its first ``limit`` bytes.

    Raises:
        SnapshotError: it is missing, a directory, or cannot be read.
    """
    with _opened(path) as file:
        return file.read() if limit is None else file.read(limit)


def read_writable(path: Path) -> memoryview:
    """Content of a file in memory of its own that may be written to.

    Raises:
        SnapshotError: it is missing, a directory, or cannot be read.
    """
    with _opened(path) as file:
        data = np.empty(os.fstat(file.fileno()).st_size, np.uint8).data  # not zeroed first
        length = 0
        while length < len(data) and (count := file.readinto(data[length:])):
            length += count
        return data[:length]


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    """The file, open for reading; what goes wrong is told for a person."""
    try:
        if path.is_dir():
            raise SnapshotError(
                f"{path} is a directory, not a snapshot file",
                hint="name one of the snapshot files in it",
            )
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise SnapshotError(
            f"there is no snapshot file {path}", hint="check the path of the snapshot"
        ) from None
    except OSError as error:
        raise SnapshotError(
            f"cannot read {path}: {reason_of(error)}",
            hint="check that you may read the file and its folder",
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file, mode 0600, that takes the place of ``path`` when the block ends well.

    Otherwise ``path`` stays as it was and nothing is left behind.

    Raises:
        SnapshotError: it cannot be written.
    """
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        _half_written.add(temporary)
        with os.fdopen(descriptor, "wb") as file:  # mkstemp makes it 0600
            yield file
        temporary.replace(path)
        _half_written.discard(temporary)
        temporary = None
    except OSError as error:
        raise SnapshotError(
            f"cannot write {path}: {reason_of(error)}",
            hint="check that the folder exists, may be written to and has room",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
            _half_written.discard(temporary)


def drop_half_written() -> None:
    """Remove what :func:`replacing` has under way in any thread: for a program that ends without
    waiting for its threads."""
    for path in tuple(_half_written):
        with suppress(OSError):
            path.unlink()
