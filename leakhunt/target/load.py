"""Run the load command of a hunt: a shell line that works the target once."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from leakhunt.errors import UsageError
from leakhunt.target.brood import Brood
from leakhunt.target.keeper import Keeper
from leakhunt.target.load_output import LoadFigures, read_figures

POLL_S = 0.1
TERMINATE_GRACE_S = 5.0
_HEAD_BYTES = 256 << 10
_TAIL_BYTES = 256 << 10
"""Of its output the first and the last bytes are kept: figures stand at the end."""
_TAIL_LINES = 3
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126


@dataclass(frozen=True, slots=True)
class LoadRun:
    """One run of a load command."""

    status: int
    """Exit status; negative: the signal that ended it."""
    duration_ns: int
    figures: LoadFigures
    last_output: str
    """Its last lines, joined to one."""
    is_cut_short: bool = False
    """It was ended by us: time ran out, or somebody asked for it."""

    @property
    def is_failed(self) -> bool:
        """Whether it says that it failed."""
        return self.status != 0 and not self.is_cut_short


class LoadCommand:
    """A load command, started in a session of its own, so that Ctrl-C does not reach it twice."""

    def __init__(self, command: str, *, show_output: bool = False) -> None:
        self.command = command
        self._show_output = show_output

    def run(
        self, *, timeout_s: float | None = None, keep_going: Callable[[], bool] = lambda: True
    ) -> LoadRun:
        """Run it to its end; ended early after ``timeout_s`` or when ``keep_going`` says no.

        Raises UsageError when there is no such command.  A command that fails is reported in the
        result, not raised: what it did is part of the load.
        """
        started = time.perf_counter_ns()
        child = self._start()
        keeper = Keeper(child.pid)
        try:
            try:
                output, is_cut_short = self._follow(child, timeout_s, keep_going)
            except BaseException:
                _end(child)
                raise
            status = _end(child) if is_cut_short else _reap(child)
        finally:
            keeper.dismiss()
        text = output.text()
        if status in {_NOT_FOUND, _NOT_EXECUTABLE} and not is_cut_short:
            raise self._no_command(status, text)
        return LoadRun(
            status=status,
            duration_ns=time.perf_counter_ns() - started,
            figures=read_figures(text),
            last_output=" | ".join(line.strip() for line in text.splitlines()[-_TAIL_LINES:]),
            is_cut_short=is_cut_short,
        )

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                ["/bin/sh", "-c", self.command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as exc:
            raise UsageError(
                f"the load command {self.command!r} cannot be started: {exc}",
                hint="give --load a line that /bin/sh can run",
            ) from exc

    def _follow(
        self,
        child: subprocess.Popen[bytes],
        timeout_s: float | None,
        keep_going: Callable[[], bool],
    ) -> tuple[_Output, bool]:
        """Read what it prints until it ended; True when it must be ended."""
        assert child.stdout is not None
        output = _Output()
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector, child.stdout as pipe:
            selector.register(pipe, selectors.EVENT_READ)
            is_open = True
            while True:
                if is_open and selector.select(POLL_S):
                    chunk = os.read(pipe.fileno(), 64 << 10)
                    if chunk:
                        self._take(output, chunk)
                    else:
                        selector.unregister(pipe)
                        is_open = False
                elif _has_ended(child):
                    # Something that it left behind may hold the pipe open.
                    return output, False
                elif not is_open:
                    time.sleep(POLL_S / 5)
                if not keep_going() or (deadline is not None and time.monotonic() > deadline):
                    return output, True

    def _take(self, output: _Output, chunk: bytes) -> None:
        output.add(chunk)
        if self._show_output:
            with suppress(OSError):
                os.write(2, chunk)

    def _no_command(self, status: int, text: str) -> UsageError:
        why = "does not exist" if status == _NOT_FOUND else "cannot be executed"
        said = " ".join(text.split())
        return UsageError(
            f"the load command {self.command!r} {why}" + (f" ({said})" if said else ""),
            hint="try the line in a shell first; is the tool installed and on PATH?",
        )


class _Output:
    """The first and the last bytes of what was printed."""

    def __init__(self) -> None:
        self._head = b""
        self._tail = b""

    def add(self, chunk: bytes) -> None:
        room = _HEAD_BYTES - len(self._head)
        self._head += chunk[:room]
        self._tail = (self._tail + chunk[room:])[-_TAIL_BYTES:] if room < len(chunk) else self._tail

    def text(self) -> str:
        return (self._head + self._tail).decode("utf-8", "replace")


def _end(child: subprocess.Popen[bytes]) -> int:
    """SIGTERM, and SIGKILL when that is not enough; the exit status."""
    Brood(child.pid).end(signal.SIGTERM, TERMINATE_GRACE_S)
    return child.wait()


def _reap(child: subprocess.Popen[bytes]) -> int:
    """Its exit status; what it left running in its session would go on loading the target."""
    Brood(child.pid).kill()
    return child.wait()


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    """Whether it ended; it stays a zombie, so that the number of its session is still its own."""
    try:
        ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return ended is not None
