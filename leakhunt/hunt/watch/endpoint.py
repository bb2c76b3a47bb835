"""Where Prometheus finds the metrics: on loopback, or in a text file.

A server of twenty lines: that of the standard library takes six megabytes, for one page that is
always the same.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from pathlib import Path
from typing import Final

from leakhunt.errors import UsageError

CONTENT_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_REQUEST_BYTES_MAX: Final = 8192
_CLIENT_S: Final = 2.0
_BACKLOG: Final = 8
_AGAIN_S: Final = 0.2
"""After an error of accept: a client that went, or no descriptor left."""


class Endpoint:
    """Answers GET /metrics with the text it was given last; a context manager."""

    def __init__(self, host: str, port: int) -> None:
        """Listen from now on.  Raises UsageError when the port is taken."""
        self.text = ""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
            self._socket.listen(_BACKLOG)
        except OSError as exc:
            self._socket.close()
            raise UsageError(
                f"metrics cannot be served at {host}:{port}: {exc.strerror or exc}",
                hint="another program has that port: give another one, or --textfile",
            ) from exc
        self._closing = threading.Event()
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(_CLIENT_S)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                if self._closing.wait(_AGAIN_S):
                    return
                continue
            with contextlib.suppress(OSError), client:
                until_s = time.monotonic() + _CLIENT_S
                answer = self._answer(_read_head(client, until_s))
                _give_until(client, until_s)
                client.sendall(answer)
                client.shutdown(socket.SHUT_WR)

    def _answer(self, head: bytes) -> bytes:
        words = head.split(b"\r\n", 1)[0].split(b" ")
        is_known = len(words) == 3 and words[1].partition(b"?")[0] in {b"/metrics", b"/"}
        if len(words) != 3 or words[0] not in {b"GET", b"HEAD"}:
            status, body = "405 Method Not Allowed", "GET /metrics\n"
        elif not is_known:
            status, body = "404 Not Found", "GET /metrics\n"
        else:
            status, body = "200 OK", self.text
        kind = CONTENT_TYPE if status.startswith("200") else "text/plain; charset=utf-8"
        data = body.encode()
        lines = (
            f"HTTP/1.1 {status}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(data)}",
            "Connection: close",
            "",
            "",
        )
        return "\r\n".join(lines).encode() + (b"" if words[0] == b"HEAD" else data)


def _give_until(client: socket.socket, until_s: float) -> None:
    """What it does next may last until then.  Raises TimeoutError when that is over."""
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    client.settimeout(left_s)


def _read_head(client: socket.socket, until_s: float) -> bytes:
    """The request up to its empty line; what is longer, or stops, is no request of ours."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _REQUEST_BYTES_MAX:
        _give_until(client, until_s)
        more = client.recv(1024)
        if not more:
            break
        head += more
    return head


def write_textfile(path: Path, text: str) -> None:
    """Replace a file by this text at once, as the collector of text files wants it; 0644, for
    that runs as another user.  Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o644)  # whatever the umask says
        file.write(text)
    part.replace(path)
