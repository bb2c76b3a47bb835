"""A process that awaits the tool by itself: where attaching is not allowed, or not wanted.

It listens on a Unix socket in a folder of its user's own; who connects must be that user or
root.  Nothing is watched before somebody connects: one thread sleeps, which no Python code
runs in and which steps aside while the program forks.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import stat
import sys

SUFFIX = ".sock"
PATH_BYTES_MAX = 107
"""A Unix socket's path may not be longer."""


class _Place:
    """Where we listen."""

    path = ""
    pid = 0
    """Of the process that does: a child of fork has this object too."""


_place = _Place()


def start() -> str:
    """Await clients from now on; the path of the socket.  Called again it changes nothing.

    After a fork the child is not prepared any more: call it there again (``post_fork`` and the
    like of servers that fork their workers).

    Raises:
        RuntimeError: the interpreter's layout is not the one our extension was built for, or
            the folder of the socket is not ours alone.
        ImportError: our extension was not built for this interpreter.
        OSError: the socket cannot be made.
    """
    if _place.pid == os.getpid():
        return _place.path
    from leakhunt.agent import _heap

    _heap.self_test()
    process = _heap.describe_process()
    folder = _private_folder()
    _remove_stale(folder)
    path = os.path.join(folder, socket_name(process["pid"], process["start_ticks"]))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    _heap.listen(path)
    os.chmod(path, 0o600)
    if not _place.path:
        atexit.register(_remove_socket)
    _place.path, _place.pid = path, os.getpid()
    return path


def stop() -> None:
    """End that, and who is connected; the process is then as it was before."""
    if _place.pid != os.getpid():
        return
    from leakhunt.agent import _heap

    _heap.stop_listening()
    _remove_socket()
    _place.pid = 0


def socket_name(pid: int, start_ticks: int) -> str:
    """Name of a process's socket; numbers of processes are used again, hence the second one."""
    return f"{pid}-{start_ticks}{SUFFIX}"


def socket_folders(uid: int, runtime_dir: str | None) -> list[str]:
    """Where a process of this user may have its socket, the first that can be used.

    ``runtime_dir`` is the value of ``XDG_RUNTIME_DIR`` in its environment.
    """
    folders = [f"/tmp/leakhunt-{uid}"]  # noqa: S108 - its owner and mode are checked
    if runtime_dir and os.path.isabs(runtime_dir):
        folders.insert(0, os.path.join(runtime_dir, "leakhunt"))
    return folders


def is_private(folder: str, uid: int) -> bool:
    """Whether nobody but this user can look into a folder or put something there."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == uid
        and not stat.S_IMODE(status.st_mode) & 0o077
    )


def _private_folder() -> str:
    """The first folder that is ours alone, made if it is missing."""
    uid = os.geteuid()
    folders = socket_folders(uid, os.environ.get("XDG_RUNTIME_DIR"))
    for folder in folders:
        if len(os.fsencode(folder)) + len(socket_name(2**22, 2**63)) + 1 > PATH_BYTES_MAX:
            continue
        with contextlib.suppress(OSError):
            os.mkdir(folder, 0o700)
        if is_private(folder, uid):
            return folder
    raise RuntimeError(
        f"no folder for the agent's socket: {' and '.join(folders)} cannot be made, or can be"
        f" used by others; make one of them with mode 0700 and owner {uid}"
    )


def _remove_stale(folder: str) -> None:
    """Sockets of processes that were killed."""
    for name in os.listdir(folder):
        pid, dash, _ = name.partition("-")
        if dash and pid.isdecimal() and not os.path.exists(f"/proc/{pid}"):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))


def _remove_socket() -> None:
    if _place.pid == os.getpid():
        with contextlib.suppress(OSError):
            os.unlink(_place.path)


def start_if_possible() -> None:
    """`start`, for where the program must go on anyway: says on stderr why it could not."""
    try:
        start()
    except Exception as exc:
        sys.stderr.write(f"leakhunt: the agent cannot start: {exc}\n")
