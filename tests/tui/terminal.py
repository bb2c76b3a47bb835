"""A program on a terminal of its own (a pty), as a person has it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from fcntl import ioctl
from struct import pack
from termios import TIOCSWINSZ
from types import TracebackType
from typing import Self

LONGEST_S = 60.0
AS_ITS_OWN = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""The terminal becomes the one that its session is told of when it goes."""


class Terminal:
    """A context manager: the program is killed at the end."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (24, 80),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._master, slave = pty.openpty()
        ioctl(slave, TIOCSWINSZ, pack("HHHH", *size, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", AS_ITS_OWN, *command],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
        )  # fmt: skip
        os.close(slave)
        self.said = b""
        """All that the program wrote."""
        self._is_hung_up = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        self.hang_up()

    def _read(self) -> None:
        while not self._is_hung_up:
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                part = os.read(self._master, 1 << 16)
            except OSError:  # the program closed it
                return
            self.said += part

    def type(self, keys: str) -> None:
        """As if typed."""
        os.write(self._master, keys.encode())

    def hang_up(self) -> None:
        """The window is closed."""
        if not self._is_hung_up:
            self._is_hung_up = True
            self._reader.join(LONGEST_S)
            os.close(self._master)

    def wait_for(self, words: str) -> None:
        """Until it wrote these words."""
        self.wait_until(lambda: words.encode() in self.said)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Until something is so."""
        deadline = time.monotonic() + LONGEST_S
        while not is_so():
            assert time.monotonic() < deadline, self.said.decode(errors="replace")
            time.sleep(0.05)

    def exit_code(self) -> int:
        """The program's, once it has ended."""
        code = self.process.wait(LONGEST_S)
        self._reader.join(LONGEST_S)
        return code
