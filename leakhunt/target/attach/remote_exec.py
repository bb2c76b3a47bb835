"""Have CPython 3.14 and later run the text itself: ``sys.remote_exec``, on explicit request.

The interpreter that the target runs is asked to pass the path of a script on (the call works
only between interpreters of one version).  Nothing is stopped and no machine code is written,
so it does what the own injector cannot: on other processors and under a shadow stack.  But the
main thread looks for a script only between two instructions of Python code: one that waits in a
system call does not come to it until it wakes.

The script connects a socket to ours, by a path that only we and root can reach, and gets the
text over it.  When the target does not come to it in time, the order is replaced by an empty
script: it would find no file.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakhunt.errors import TargetError
from leakhunt.target.attach.door import Door, TextSource, describe, framed
from leakhunt.target.attach.identify import ProcessIdentity
from leakhunt.target.attach.inject import Injection
from leakhunt.target.attach.library import Delivery

OLDEST = (3, 14)
"""First version that has it."""

REMOTE_SCRIPT = "remote script"
"""The way in, as `Injection.way` has it."""

_OTHER_WAY = "use --method ptrace, or prepare the program: python -m leakhunt.agent"
_EMPTY_SCRIPT = "/dev/null"
_CALL_TIMEOUT_S = 10.0
_PYTHON_NAME = re.compile(r"python[0-9.]*(-\w+)?")
_CALL = "import sys; sys.remote_exec(int(sys.argv[1]), sys.argv[2])"
_PEER = struct.Struct("3i")

# The script works on the main thread: a thread of its own does the work.  `_socket` is the one
# module that an interpreter need not have loaded.
_SCRIPT = """
def start():
    import sys

    def work(path={path!r}):
        import _socket
        sys = __import__("sys")
        posix = sys.modules["posix"]
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        try:
            sock.connect(path)
            sock.send(str(sock.fileno()).encode(), _socket.MSG_NOSIGNAL)
            text = sock.recv({text_bytes_max})
        except OSError:
            text = b""
        if text:
            sock.detach()
            exec(text, {{}})
        else:
            sock.close()

    sys.modules["_thread"].start_new_thread(work, ())


start()
del start
"""
_TEXT_BYTES_MAX = 128 << 10
_NUMBER_BYTES_MAX = 16


@dataclass(frozen=True, slots=True)
class RemoteExec:
    """Everything that is known before the target is asked."""

    identity: ProcessIdentity
    inner_pid: int
    """As the target sees itself."""
    pidfd: int
    library: Delivery
    source: TextSource
    timeout_s: float
    """How long the target may take to come to it."""

    def inject(self) -> Injection:
        """Have the text run; the target stands still for nothing but its own part of it.

        Raises TargetError when the target forbids it, sees other files than we do, or does not
        come to it in time.
        """
        pid = self.identity.pid
        if not self.library.path:
            raise TargetError(
                f"process {pid} cannot open the native agent, and a script cannot bring it",
                hint=_OTHER_WAY,
            )
        with _meeting_point(pid) as (folder, listener):
            script = folder / "script.py"
            self._require_same_files(folder)
            script.write_text(
                _SCRIPT.format(path=str(folder / "s"), text_bytes_max=_TEXT_BYTES_MAX)
            )
            self._give_to_target(script)
            try:
                self._ask(str(script))
                sock = self._accept(listener)
            except BaseException:
                self._take_back()
                raise
        try:
            number = int(sock.recv(_NUMBER_BYTES_MAX))
            door = Door(self.inner_pid, describe(self.pidfd, number), self.library.path, None)
            sock.send(framed(door, self.source).encode())
        except BaseException:
            sock.close()
            raise
        return Injection(sock, REMOTE_SCRIPT, "Python code", 0)

    def _require_same_files(self, folder: Path) -> None:
        pid = self.identity.pid
        with contextlib.suppress(OSError):
            theirs = Path(f"/proc/{pid}/root{folder}").stat()
            ours = folder.stat()
            if (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino):
                return
        raise TargetError(
            f"process {pid} does not see {folder}: it is in a container, or has another root",
            hint=_OTHER_WAY,
        )

    def _give_to_target(self, script: Path) -> None:
        """Root reaches processes of others: they must be able to read what is for them."""
        owner = Path(f"/proc/{self.identity.pid}").stat()
        if owner.st_uid != os.geteuid():
            # The folder last: once it is theirs, they may put links into it.
            for path in (script, script.parent / "s", script.parent):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def _ask(self, script: str) -> None:
        pid = self.identity.pid
        try:
            done = subprocess.run(
                [self._interpreter(), "-I", "-S", "-c", _CALL, str(pid), script],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_CALL_TIMEOUT_S,
                check=False,
                text=True,
                errors="replace",
                **self._identity_to_run_as(),
            )
        except subprocess.SubprocessError as exc:
            raise TargetError(
                f"the interpreter of process {pid} passed no script on: {exc}", hint=_OTHER_WAY
            ) from exc
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise TargetError(
                f"the interpreter of process {pid} runs no remote script: {last}", hint=_OTHER_WAY
            )

    def _identity_to_run_as(self) -> dict[str, Any]:
        """Whose program it is runs it: root must not run the programs of others."""
        owner = Path(f"/proc/{self.identity.pid}").stat()
        if owner.st_uid == os.geteuid():
            return {}
        return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}

    def _interpreter(self) -> str:
        """An interpreter of the target's version: its own, as long as it is no other program."""
        pid = self.identity.pid
        if _PYTHON_NAME.fullmatch(Path(self.identity.executable).name) is None:
            raise TargetError(
                f"process {pid} runs Python within {self.identity.executable}, which cannot be"
                " asked to pass on a script",
                hint=_OTHER_WAY,
            )
        return f"/proc/{pid}/exe"

    def _accept(self, listener: socket.socket) -> socket.socket:
        """The connection of the target, and of nobody else."""
        pid = self.identity.pid
        deadline = time.monotonic() + self.timeout_s
        while (left := deadline - time.monotonic()) > 0:
            listener.settimeout(left)
            try:
                sock, _ = listener.accept()
            except TimeoutError:
                break
            peer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
            if _PEER.unpack(peer)[0] == pid:
                sock.settimeout(None)
                return sock
            sock.close()
        raise TargetError(
            f"process {pid} ran no remote script in {self.timeout_s:g} s",
            hint="its main thread waits or runs C code, and looks for a script only while it runs"
            " Python code; use --method ptrace",
        )

    def _take_back(self) -> None:
        """There is no way to revoke an order, but the last one counts."""
        with contextlib.suppress(TargetError, OSError, subprocess.SubprocessError):
            self._ask(_EMPTY_SCRIPT)


@contextlib.contextmanager
def _meeting_point(pid: int) -> Iterator[tuple[Path, socket.socket]]:
    """A private folder and a socket that listens in it; both go in the end."""
    import tempfile  # most processes are reached another way

    with (
        tempfile.TemporaryDirectory(prefix=f"leakhunt-{pid}-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC) as listener,
    ):
        path = Path(folder, "s")
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(4)
        yield Path(folder), listener
