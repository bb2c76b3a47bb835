"""Hold back signals to the tool for as long as a target stands still with borrowed registers."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

_ENDING = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGTSTP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
)


@contextlib.contextmanager
def deferred_signals() -> Iterator[None]:
    """Signals that end, stop or interrupt the tool take effect after the block.

    Blocking them is not enough: a thread of a library that does not block them would take
    them, and end the process.  So the main thread replaces their handlers as well; in another
    thread only the blocking is possible.
    """
    is_main = threading.current_thread() is threading.main_thread()
    arrived: list[int] = []
    saved: dict[signal.Signals, Any] = {}
    old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)

    def note(number: int, _frame: FrameType | None) -> None:
        arrived.append(number)

    try:
        if is_main:
            for number in _ENDING:
                handler = signal.getsignal(number)
                if handler not in (signal.SIG_IGN, None):
                    saved[number] = signal.signal(number, note)
        yield
    finally:
        for number, handler in saved.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
        for late in arrived:
            signal.raise_signal(late)
