"""Memory that is free, but still this process's."""

from __future__ import annotations

import ctypes


def trim() -> None:
    """Give free pages of the C library back to the kernel; does nothing where that cannot.

    Passes over large heaps in several threads leave hundreds of megabytes in its arenas.
    """
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl needs none
    if give_back is not None:
        give_back(0)
