"""What the text that runs in the target gets: one end of a socket, and where our library is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

READY = b"ready"
"""The first datagram from the text when all went well; anything else says what did not."""


@dataclass(frozen=True, slots=True)
class Door:
    """The target's side of a channel."""

    fd: int
    """A connected Unix socket of type SEQPACKET, close-on-exec."""
    inode: int
    """Of the socket.  The text may run late: a program that closed all descriptors may use the
    number for something else by then, which must not get a byte of ours."""
    library: str
    """A path from which the target can load the native library."""
    library_fd: int
    """To be closed when the library is loaded, if it is a file in memory; else -1."""
    library_inode: int
    """Of the file behind ``library_fd``."""


Payload = Callable[[Door], str]
"""Makes the Python text to run.  It must:

- check that the descriptors are still those of the door, and end if they are not;
- send one datagram through the socket, ``READY`` or what went wrong;
- let nothing escape, not even SystemExit, and return soon: it may run on the main thread;
- need nothing but what every interpreter has loaded.

It runs with a dict of its own as globals and locals."""
