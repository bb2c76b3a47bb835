"""What the text that runs in the target gets, and the frame around it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from leakhunt.target.attach.libc import pidfd_getfd

READY = b"ready"
"""The last datagram of the frame when all went well; whatever comes before it went wrong."""

TextSource = Callable[[int, str], str]
"""Makes the Python text to run from the descriptor of a connected socket (SEQPACKET) and the
path of the native library, both as the target sees them.

The text runs in a thread of its own, whose signals are blocked, with a namespace of its own.
It owns the descriptor.  It may use only what every interpreter has loaded, and says what went
wrong either by an exception or by a datagram."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A descriptor in the target, and what it must still be when the text runs.

    That may be late: a program that closed all descriptors may use the number for something
    else by then, which must not get a byte of ours.
    """

    number: int
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Door:
    """The target's side of a channel."""

    pid: int
    """As the target sees itself.  A child that it forks meanwhile must not answer as well."""
    socket: Descriptor
    library: str
    """A path from which the target can load the native library."""
    memory_file: Descriptor | None
    """Behind that path, if the library was brought along; closed when it is loaded."""


_FRAME = """
def run():
    import sys
    posix = sys.modules["posix"]

    def is_ours(number, device, inode):
        try:
            found = posix.fstat(number)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (device, inode)

    def duplicate(number):
        # A program that closed its standard streams must not print into ours.
        low = []
        try:
            copy = posix.dup(number)
            while copy < 3:
                low.append(copy)
                copy = posix.dup(number)
        finally:
            for one in low:
                posix.close(one)
        return copy

    def is_awaited(number):
        posix.set_blocking(number, False)
        try:
            return posix.read(number, 1) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            posix.set_blocking(number, True)

    def tell(number, said):
        try:
            posix.write(number, said)
        except OSError:
            pass

    if posix.getpid() != PID:
        for descriptor in (SOCKET, MEMORY_FILE):
            if descriptor is not None and is_ours(*descriptor):
                posix.close(descriptor[0])
        return
    if is_ours(*SOCKET):
        copy = duplicate(SOCKET[0])
        try:
            if is_awaited(copy):
                exec(TEXT, {})
                tell(copy, READY)
            else:
                posix.close(SOCKET[0])
        except BaseException as error:
            tell(copy, (type(error).__name__ + ": " + str(error)[:1000]).encode("utf-8", "replace"))
            if is_ours(*SOCKET):
                posix.close(SOCKET[0])
        finally:
            posix.close(copy)
    if MEMORY_FILE is not None and is_ours(*MEMORY_FILE):
        posix.close(MEMORY_FILE[0])


def run_without_signals():
    import sys
    signals = sys.modules["_signal"]
    mask = signals.pthread_sigmask(signals.SIG_BLOCK, signals.valid_signals())
    try:
        run()
    finally:
        # A socket that its peer closed: the program may have made that signal deadly.
        if signals.SIGPIPE in signals.sigpending():
            signals.sigwait((signals.SIGPIPE,))
        signals.pthread_sigmask(signals.SIG_SETMASK, mask)


try:
    run_without_signals()
except BaseException:
    pass
# A function and its namespace refer to each other: nothing may wait for a collector, which
# the program may have switched off.
globals().clear()
"""


def describe(pidfd: int, fd: int) -> Descriptor:
    """What a descriptor of a process is.  Raises OSError."""
    copy = pidfd_getfd(pidfd, fd)
    try:
        found = os.fstat(copy)
    finally:
        os.close(copy)
    return Descriptor(fd, found.st_dev, found.st_ino)


def framed(door: Door, source: TextSource) -> str:
    """The whole text for the target: nothing escapes from it."""
    value_by_name: dict[str, object] = {
        "PID": door.pid,
        "SOCKET": _fields(door.socket),
        "MEMORY_FILE": door.memory_file and _fields(door.memory_file),
        "READY": READY,
        "TEXT": source(door.socket.number, door.library),
    }
    values = "".join(f"{name} = {value!r}\n" for name, value in value_by_name.items())
    return values + _FRAME


def _fields(descriptor: Descriptor) -> tuple[int, int, int]:
    return descriptor.number, descriptor.device, descriptor.inode
