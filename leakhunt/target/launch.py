"""Start a program untouched, wait until it is ready, end it as a service manager would.

Nothing is put on its path or into its environment: its own interpreter, its own options, behind
whatever wrapper (``gunicorn``, ``uv run``, a shell script).  It gets a session of its own, so
that a Ctrl-C at the terminal reaches it through us, after its snapshots.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from leakhunt.errors import TargetError, UsageError
from leakhunt.target.brood import Brood
from leakhunt.target.keeper import Keeper
from leakhunt.target.process import OUTPUT_BYTES_MAX
from leakhunt.target.readiness import ReadinessWatch, Ready
from leakhunt.target.story import describe_exit, exit_hint, output_tail

POLL_S = 0.05
_ENDS = (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED)
END_GRACE_S = 10.0
"""From SIGTERM (or SIGINT) until what is left is killed."""


class Launched:
    """A started program; a context manager that ends it, with all that it started.

    Left by KeyboardInterrupt, it gets SIGINT, as from the terminal; left in any other way,
    SIGTERM.  What has not ended ten seconds later is killed, and ``was_killed`` says so.
    """

    def __init__(self, command: Sequence[str], output: Path, *, show_output: bool) -> None:
        """Start it with its output in a new file.  Raises UsageError when it cannot be started."""
        self.command = tuple(command)
        self.output = output
        self.was_killed = False
        self._status: int | None = None
        self._popen = self._start()
        self.pid = self._popen.pid
        self._brood = Brood(self.pid)
        self._keeper = Keeper(self.pid)
        self._echo = _Echo(output) if show_output else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        is_interrupted = exc_type is not None and issubclass(exc_type, KeyboardInterrupt)
        self.end(signal.SIGINT if is_interrupted else signal.SIGTERM)

    def _start(self) -> subprocess.Popen[bytes]:
        sink = os.open(self.output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            return subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else None
            name = self.command[0]
            is_missing = os.sep not in name and shutil.which(name) is None
            what = "is not on PATH" if is_missing else f"cannot be started: {reason or exc}"
            raise UsageError(
                f"the program {name!r} {what}", hint="after -- give the command line that starts it"
            ) from exc
        finally:
            os.close(sink)

    @property
    def status(self) -> int | None:
        """Exit status of the started command (negative: signal), None while it runs.

        It is left a zombie until `end`, so that the number of its group stays its own.
        """
        if self._status is None:
            ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None and ended.si_code in _ENDS:
                is_exit = ended.si_code == os.CLD_EXITED
                self._status = ended.si_status if is_exit else -ended.si_status
        return self._status

    def wait_ready(
        self, ready: Ready, timeout_s: float | None, on_wait: Callable[[], None] = lambda: None
    ) -> int:
        """Wait for the sign of readiness; the process to hunt.

        Raises TargetError when the program ended before, or was not ready in time.
        """
        watch = ReadinessWatch(ready, self.pid, self.output)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            program = watch.look()
            if program is not None:
                self._brood.look()  # who is there now is known from now on
                return program
            if self.status is not None:
                raise self._ended_early()
            if deadline is not None and time.monotonic() > deadline:
                raise self._not_ready(ready, timeout_s or 0.0)
            on_wait()
            self._trim_output()
            time.sleep(POLL_S)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask the program to end, wait, kill what is left; the exit status of the command.

        Once that is done the number of its group may be another one's: again it does nothing.
        """
        if self._popen.returncode is not None:
            return self._popen.returncode
        try:
            self.was_killed = self._brood.end(number, END_GRACE_S)
        finally:
            self._status = self._popen.wait()
            self._keeper.dismiss()
            if self._echo is not None:
                self._echo.stop()
                self._echo = None
        return self._status

    def describe_end(self) -> str:
        """How the command ended, with its last lines: ``exited with status 1; ...``."""
        if self.status is None:
            return "still runs"
        tail = output_tail(self.output)
        return describe_exit(self.status) + (f"; its last output: {tail}" if tail else "")

    def _trim_output(self) -> None:
        """Keep what it prints from filling the disk: it is appended, so it goes on from zero."""
        with suppress(OSError):
            if self.output.stat().st_size > OUTPUT_BYTES_MAX:
                os.truncate(self.output, 0)

    def _ended_early(self) -> TargetError:
        assert self.status is not None
        in_background = "did it go into the background? start it without --daemon or the like"
        return TargetError(
            f"the program ended before it was ready: {self.describe_end()}",
            hint=exit_hint(self.status) if self.status else in_background,
        )

    def _not_ready(self, ready: Ready, timeout_s: float) -> TargetError:
        tail = output_tail(self.output)
        said = f"; its last output: {tail}" if tail else "; it printed nothing"
        hint = "give it more time (--timeout), or another sign of readiness (--ready)"
        if ready.line is not None:
            hint += "; Python holds back what it prints into a file: python -u, or flush it"
        return TargetError(
            f"the program was not ready after {timeout_s:g} s (until {ready}){said}", hint=hint
        )


class _Echo:
    """Copies a growing file to standard error, until told to stop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leakhunt-echo", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Copy what is there and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(POLL_S):
            self._copy()
        self._copy()

    def _copy(self) -> None:
        with suppress(OSError), self._path.open("rb") as file:
            if file.seek(0, os.SEEK_END) < self._offset:
                self._offset = 0  # It was emptied.
            file.seek(self._offset)
            while chunk := file.read(64 << 10):
                self._offset += len(chunk)
                os.write(2, chunk)
