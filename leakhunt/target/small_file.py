"""Small files of the kernel, for one who watches a process for months and reads them each time.

Not with ``pathlib``: it interns the parts of a path, and what is interned and forgotten fills the
interpreter's table of interned strings, dead entries and all.  After an hour of samples that
table would have grown by half a megabyte.
"""

from __future__ import annotations


def read_bytes(path: str, bytes_max: int = -1) -> bytes:
    """All of it, or its beginning.  Raises OSError."""
    with open(path, "rb") as file:  # noqa: PTH123 - see above
        return file.read(bytes_max)


def read_text(path: str, encoding: str = "utf-8", errors: str = "strict") -> str:
    """All of it as text.  Raises OSError, ValueError (UnicodeDecodeError)."""
    return read_bytes(path).decode(encoding, errors)
