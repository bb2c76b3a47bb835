"""Decoder of snapshot streams (C)."""

from typing_extensions import Buffer

def decode(
    data: Buffer, start: int, seed: int, in_place: bool, records: int, edges: int, /
) -> tuple[dict[str, bytes], int]:
    """Decode the blocks that begin at offset ``start``: (bytes by column name, end offset).

    ``seed`` is any 64-bit number a file cannot foresee; it does not show in the result.
    ``in_place`` writes over the blocks and gives their memory back: ``data`` must be memory of
    its own.  ``records`` and ``edges`` are how many there should be, a hint.
    O(n); the GIL is released.  Raises ``ValueError(text, file_offset)`` on damage; the offset
    is None when only a decoding that is not in place can tell it.
    """

def block_hash(data: Buffer, /) -> int:
    """The block hash of the snapshot format.  O(n); the GIL is released."""
