"""Interrupt the blocking system calls of one thread from time to time.

While a target stands still the tool sleeps in ``waitid``: that leaves the processor to the target
and wakes the tool up the moment there is something to do.  But ``waitid`` knows no deadline, and
the wait holds the GIL, so no other thread of the tool could end it.  A timer of the kernel does:
its signal goes to the waiting thread alone and has a handler that does nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import struct
import threading
from collections.abc import Iterator

from leakhunt.errors import TargetError
from leakhunt.target.attach.libc import LIBC, last_error

INTERVAL_NS = 50_000_000

_TIMER_CREATE, _TIMER_SETTIME, _TIMER_DELETE = 222, 223, 226
_CLOCK_MONOTONIC = 1
_SIGEV_THREAD_ID = 4
_SIGEVENT_BYTES = 64
_SIGACTION_BYTES = 152
_DEFAULT = 0


@contextlib.contextmanager
def bell() -> Iterator[None]:
    """The calling thread's system calls fail with EINTR every INTERVAL_NS inside the block.

    Raises TargetError when the tool may not have another timer.
    """
    number = _signal_number()
    old_mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    try:
        timer = _start(number)
        try:
            yield
        finally:
            _syscall(_TIMER_DELETE, timer)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)


def _start(number: int) -> int:
    tid = threading.get_native_id()
    event = struct.pack("<Qiii", 0, number, _SIGEV_THREAD_ID, tid).ljust(_SIGEVENT_BYTES, b"\0")
    timer = ctypes.c_int()
    interval = divmod(INTERVAL_NS, 1_000_000_000)
    times = struct.pack("<qqqq", *interval, *interval)
    try:
        _syscall(_TIMER_CREATE, _CLOCK_MONOTONIC, event, ctypes.byref(timer))
        _syscall(_TIMER_SETTIME, timer.value, 0, times, None)
    except OSError as exc:
        raise TargetError(
            f"leakhunt cannot set the timer that keeps a stop short: {exc.strerror}",
            hint="its limit of pending signals may be reached (ulimit -i)",
        ) from exc
    return timer.value


@functools.cache
def _signal_number() -> int:
    """A real-time signal that nobody handles, now with the C library's ``abs`` as its handler:
    a function that may be called at any moment.

    The handler stays.  Taking it away while another thread's timer runs would end the tool.
    """
    handler = ctypes.cast(LIBC.abs, ctypes.c_void_p).value
    # Without SA_RESTART: the system call is to fail.
    action = struct.pack("<Q", handler).ljust(_SIGACTION_BYTES, b"\0")
    for number in range(signal.SIGRTMAX, signal.SIGRTMIN, -1):
        old = ctypes.create_string_buffer(_SIGACTION_BYTES)
        if LIBC.sigaction(number, None, old) == 0:
            (old_handler,) = struct.unpack_from("<Q", old)
            if old_handler == _DEFAULT and LIBC.sigaction(number, action, None) == 0:
                return number
    raise TargetError(
        f"each real-time signal of process {os.getpid()} has a handler: none is left for leakhunt",
        hint="run leakhunt in a process of its own",
    )


def _syscall(number: int, *args: object) -> None:
    if LIBC.syscall(ctypes.c_long(number), *args) == -1:
        raise last_error()
