"""The system calls that Python does not offer, made while holding the GIL.

While a target is stopped every microsecond is its time.  A call that gave up the GIL could
wait for milliseconds to get it back from another thread of the tool, so ``PyDLL`` is used.
Only ``wait_for`` blocks, and only inside ``bell()``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

LIBC = ctypes.PyDLL(None, use_errno=True)
"""For what is needed in one place only."""
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long
LIBC.waitid.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_void_p, ctypes.c_int]
LIBC.pread.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64]
LIBC.pread.restype = ctypes.c_ssize_t
LIBC.pwrite.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
LIBC.pwrite.restype = ctypes.c_ssize_t
LIBC.syscall.restype = ctypes.c_long

_PIDFD_GETFD = 438
_SIGINFO_BYTES = 128
_SI_CODE = 8
_SI_PID = 16


def ptrace(request: int, tid: int, address: int = 0, data: int = 0) -> int:
    """One ptrace request; most results go to memory that ``data`` points to.

    Raises OSError.
    """
    result = LIBC.ptrace(request, tid, address or None, data or None)
    if result == -1:
        raise last_error()
    return int(result)


def wait_for(tid: int, options: int) -> tuple[int, int] | None:
    """``si_code`` and ``si_status`` of what a thread reports to waitid; None if there is nothing
    (WNOHANG), or a signal came first.

    A traced thread reports its stops whatever the options are.  Raises ChildProcessError when
    the thread is not ours to wait for (any more).
    """
    info = ctypes.create_string_buffer(_SIGINFO_BYTES)
    if LIBC.waitid(os.P_PID, tid, info, options) == -1:
        if ctypes.get_errno() == errno.EINTR:
            return None
        raise last_error()
    (code,) = struct.unpack_from("<i", info, _SI_CODE)
    pid, _, status = struct.unpack_from("<iIi", info, _SI_PID)
    return (code, status) if pid else None


def sched_yield() -> None:
    """Let the target run if it shares our processor."""
    LIBC.sched_yield()


def read_at(fd: int, address: int, size: int) -> bytes:
    """Up to ``size`` bytes at an offset that may exceed a signed number.  Raises OSError."""
    buffer = ctypes.create_string_buffer(size)
    count = LIBC.pread(fd, buffer, size, address)
    if count == -1:
        raise last_error()
    return buffer.raw[:count]


def write_at(fd: int, address: int, data: bytes) -> None:
    """All of ``data`` at an offset.  Raises OSError."""
    count = LIBC.pwrite(fd, data, len(data), address)
    if count == -1:
        raise last_error()
    if count != len(data):
        raise OSError(f"{count} of {len(data)} bytes were written")


def pidfd_getfd(pidfd: int, fd: int) -> int:
    """A duplicate (close-on-exec) of another process's descriptor.  Raises OSError."""
    result = LIBC.syscall(
        ctypes.c_long(_PIDFD_GETFD), ctypes.c_int(pidfd), ctypes.c_int(fd), ctypes.c_uint(0)
    )
    if result == -1:
        raise last_error()
    return int(result)


def last_error() -> OSError:
    """What the last call that failed in this thread failed with."""
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
