"""Decoder of snapshot streams (C)."""

from typing_extensions import Buffer

def decode(data: Buffer, start: int, seed: int, /) -> tuple[dict[str, bytes], int]:
    """Decode the blocks that begin at offset ``start``: (bytes by column name, end offset).

    ``seed`` is any 64-bit number a file cannot foresee; it does not show in the result.  The
    blocks are written over when ``data`` is writable.
    O(n); the GIL is released.  Raises ``ValueError(text, file_offset)`` on damage.
    """

def block_hash(data: Buffer, /) -> int:
    """The block hash of the snapshot format.  O(n); the GIL is released."""
