"""What keeps a watch small, and as small after a month as after a minute."""

from __future__ import annotations

import gc
import sys
from typing import Final

from leakhunt.analysis.course import rehearse
from leakhunt.hunt.free_memory import trim

_POOL_BYTES: Final = 16 << 10
_BLOCK_BYTES_MAX: Final = 512
_BLOCK_STEP_BYTES: Final = 16
"""Of obmalloc, on machines of 64 bits: larger blocks are those of the C library."""


def tidy() -> None:
    """Empty the interpreter's free lists, which only a full collection does: to be called often.

    It keeps up to 2,000 tuples of each length, and nearly all that is made here goes without the
    collector, which would come by itself after days.  Some milliseconds.
    """
    gc.collect()


def give_back() -> None:
    """Free pages of the C library go back to the kernel; does nothing where that cannot.

    Source texts, code that was read and the answers of an attach leave holes: a megabyte or two.
    What will be needed is taken again at once, lest it be taken little by little: the memory of
    the largest judgement, and the rest of the pools that are in use.  Some milliseconds.
    """
    tidy()
    trim()
    rehearse()
    _fill_pools()


def _fill_pools() -> None:
    """Touch what is left of the pools of Python's allocator (16 KiB for each size of blocks)."""
    empty_bytes = sys.getsizeof(b"")
    for block_bytes in range(_BLOCK_STEP_BYTES, _BLOCK_BYTES_MAX + 1, _BLOCK_STEP_BYTES):
        count = _POOL_BYTES // block_bytes
        if block_bytes < empty_bytes:
            [float(i) for i in range(count)]
        else:
            [bytes(block_bytes - empty_bytes) for _ in range(count)]
