"""Start a target in a session of its own, see how it ends, leave nothing of it behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from leakhunt.errors import TargetError
from leakhunt.target.brood import Brood

OUTPUT_BYTES_MAX = 16 << 20
"""A target's output file is emptied when it grows beyond this."""


class TargetProcess:
    """A started target; all that it started ends with it."""

    def __init__(self, command: Sequence[str], output: Path | None) -> None:
        """Start ``command``; its output goes to a new file, or to our stderr if None."""
        self._output = output
        try:
            sink = 2 if output is None else os.open(output, _OUTPUT_FLAGS, 0o600)
            try:
                self._popen = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    start_new_session=True,
                )
            finally:
                if output is not None:
                    os.close(sink)
        except OSError as exc:
            raise TargetError(
                f"{command[0]} cannot be started: {exc.strerror or exc}",
                hint="are the limits of processes, memory or open files reached (ulimit -a)?",
            ) from exc
        self.pid = self._popen.pid
        self.status: int | None = None

    def poll(self) -> int | None:
        """Exit status (negative: signal) once it ended.

        What it left running is killed before its number can be used again.
        """
        if self.status is None:
            try:
                ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                ended = None
                self.status = self._popen.wait()
            # While it is attached to, it reports stops as well.
            if ended is not None and ended.si_code in _ENDS:
                Brood(self.pid).kill()
                self.status = self._popen.wait()
        return self.status

    def interrupt(self, pid: int | None) -> None:
        """SIGINT to the target (``pid`` when the started program was only a wrapper of it)."""
        self.poll()
        if self.status is None:
            with contextlib.suppress(OSError):
                os.kill(self._member(pid), signal.SIGINT)

    def terminate(self) -> None:
        """SIGTERM to the whole group."""
        self.poll()
        if self.status is None:
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL to all that it started; the exit status."""
        self.poll()
        if self.status is None:
            Brood(self.pid).kill()
            self.status = self._popen.wait()
        return self.status

    def trim_output(self) -> None:
        """Keep what it prints from filling the disk: it is appended, so it goes on from zero."""
        if self._output is not None and self._output.stat().st_size > OUTPUT_BYTES_MAX:
            os.truncate(self._output, 0)

    def _member(self, pid: int | None) -> int:
        """``pid`` if it is in the target's group (it was reported, so it may be anything)."""
        if pid is not None and pid > 1:
            with contextlib.suppress(OSError):
                if os.getpgid(pid) == self.pid:
                    return pid
        return self.pid


_ENDS = (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED)
_OUTPUT_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
