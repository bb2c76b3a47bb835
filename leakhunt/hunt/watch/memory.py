"""What keeps a watch small: it gives back what only its start, or a snapshot, needed."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Free pages of the C library go back to the kernel; does nothing where that cannot.

    Source texts, code that was read and the answers of an attach leave holes: a megabyte or two.
    Some milliseconds.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl needs none
    if trim is not None:
        trim(0)
