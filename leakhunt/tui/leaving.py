"""Leaving at once: what is computed for a screen that is gone is not waited for."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from leakhunt.store.files import drop_half_written

P = ParamSpec("P")
T = TypeVar("T")

_MOST_THREADS: Final = 24
"""Workers that were cancelled end at their next step only: new ones must not queue behind them."""
_LOOK_S: Final = 0.02
LET_GO_S: Final = 30.0
"""For a hunt to end: killed amid a snapshot it would leave its hooks in the process."""


class Hands(ThreadPoolExecutor):
    """The threads of the workers.  A loop that closes does not wait for them."""

    def __init__(self) -> None:
        super().__init__(_MOST_THREADS, "leakhunt-tui")
        self._under_way: set[Future[object]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As any executor; what is under way is counted."""
        future = super().submit(fn, *args, **kwargs)
        self._under_way.add(future)  # type: ignore[arg-type]
        future.add_done_callback(self._under_way.discard)
        return future

    @property
    def is_busy(self) -> bool:
        """Is anything under way?"""
        return bool(self._under_way)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """What has not begun never does; what is under way goes on by itself."""
        super().shutdown(wait=False, cancel_futures=True)


def end_within(seconds: float, code: int) -> None:
    """End the program with this exit code by then, if it has not ended by itself.

    Python waits for its threads when it ends and cannot stop one that computes.  What was
    printed is flushed, files half written are removed.
    """

    def end() -> None:
        drop_half_written()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)

    watchdog = threading.Timer(seconds, end)
    watchdog.daemon = True
    watchdog.start()


def wait_while(is_so: Callable[[], bool], seconds: float) -> bool:
    """Wait until it is so no more; False when it still is after that time."""
    end = time.monotonic() + seconds
    while is_so():
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK_S)
    return True
