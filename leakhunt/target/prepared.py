"""Find and reach a process that was prepared (``leakhunt.agent.start``): no attach needed."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import time

from leakhunt.agent.prepared import is_private, socket_folders, socket_name
from leakhunt.errors import TargetError
from leakhunt.target.process_table import read_entry
from leakhunt.target.small_file import read_bytes, read_text

CONNECT_S = 2.0
_RETRY_S = 0.02
_CREDENTIALS = struct.Struct("iII")
_SUN_PATH = 107


def find_socket(pid: int) -> str | None:
    """The socket of a prepared process as it can be reached from here, None without one.

    Looks below ``/proc/PID/root``, so that a process in a container is found too; its folder
    counts only if nobody but the process's own user can put something there.
    """
    entry = read_entry(pid)
    if entry is None or entry.is_dead:
        return None
    try:
        uid = os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116 - see small_file
    except OSError:
        return None
    name = socket_name(_own_number(pid), entry.start_ticks)
    for folder in socket_folders(uid, _runtime_dir(pid)):
        place = f"/proc/{pid}/root/{folder.strip('/')}"
        path = f"{place}/{name}"
        if is_private(place, uid) and _is_socket(path):
            return path
    return None


def connect_prepared(pid: int) -> socket.socket | None:
    """A connection to the agent of a prepared process; None when it is not prepared.

    Raises TargetError when there is an agent that does not let us in.
    """
    deadline = time.monotonic() + CONNECT_S
    while (path := find_socket(pid)) is not None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            sock.settimeout(CONNECT_S)
            _connect(sock, path)
            _check_peer(sock, pid)
            return sock
        except (ConnectionRefusedError, BlockingIOError):
            # It steps aside for a moment when the program forks; for ever when it was killed.
            sock.close()
            if time.monotonic() > deadline:
                return None
            time.sleep(_RETRY_S)
        except OSError as exc:
            sock.close()
            raise TargetError(
                f"the prepared agent of process {pid} cannot be reached: {exc.strerror or exc}",
                hint=f"run leakhunt as the user of that process, or as root ({path})",
            ) from exc
        except BaseException:
            sock.close()
            raise
    return None


def _is_socket(path: str) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISSOCK(os.stat(path).st_mode)  # noqa: PTH116 - see small_file
    return False


def _connect(sock: socket.socket, path: str) -> None:
    """Connect by way of the folder's descriptor: a socket's path may not be long."""
    if len(os.fsencode(path)) <= _SUN_PATH:
        sock.connect(path)
        return
    parent, _, name = path.rpartition("/")
    folder = os.open(parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sock.connect(f"/proc/self/fd/{folder}/{name}")
    finally:
        os.close(folder)


def _check_peer(sock: socket.socket, pid: int) -> None:
    """Who listens must be that very process."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    peer, uid, _ = _CREDENTIALS.unpack(raw)
    if peer != pid:
        raise TargetError(
            f"at the socket of process {pid} listens process {peer} of user {uid}",
            hint="somebody put it there: look who may write to that folder",
        )


def _own_number(pid: int) -> int:
    """The process's number as it sees it itself: another one in a container."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in read_text(f"/proc/{pid}/status", errors="replace").splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return pid


def _runtime_dir(pid: int) -> str | None:
    """``XDG_RUNTIME_DIR`` in the environment it was started with, None when that is closed
    to us."""
    with contextlib.suppress(OSError):
        for entry in read_bytes(f"/proc/{pid}/environ").split(b"\0"):
            if entry.startswith(b"XDG_RUNTIME_DIR="):
                return os.fsdecode(entry.partition(b"=")[2])
    return None
