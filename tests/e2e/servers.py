"""Programs of fixtures/servers under test: started, asked for pages, ended."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.proc_view import descriptors, thread_names

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ROOT / "fixtures" / "servers"
SERVER_BIN = ROOT / ".venv-servers" / "bin"
SHOP_PYTHON = ROOT / ".venv-shop" / "bin" / "python"
START_S = 30.0


def free_port() -> int:
    """One that nobody listens on at the moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def load_line(port: int, number: int) -> str:
    """A load command: so many requests."""
    return f"{sys.executable} -I {SERVERS / 'load.py'} {port} {number}"


def ask(port: int) -> int:
    """Status of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


class Server:
    """A running server in a session of its own; a context manager that ends all of it."""

    def __init__(
        self, command: Sequence[str | Path], port: int, environment: Mapping[str, str] | None = None
    ) -> None:
        self.port = port
        self._popen = subprocess.Popen(
            [str(word) for word in command],
            cwd=SERVERS,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = self._popen.pid

    def __enter__(self) -> Self:
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert self._popen.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
        time.sleep(0.2)  # Let it be done with us.
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.killpg(self.pid, 9)
        self._popen.wait()

    def _answers(self) -> bool:
        try:
            return ask(self.port) in {200, 404}
        except OSError:
            return False

    @property
    def descriptors(self) -> int:
        """How many it has open."""
        return len(descriptors(self.pid))

    @property
    def threads(self) -> list[str]:
        """Names of its threads."""
        return sorted(thread_names(self.pid).values())
