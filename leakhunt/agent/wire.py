"""What the tool and the agent say to each other: the one description of it.

Datagrams on a Unix socket of type SEQPACKET, little endian.  A request is `REQUEST` and a
payload; the descriptor of the file to write comes with CAPTURE (SCM_RIGHTS).  An answer is
`ANSWER` and a JSON object in UTF-8.  Each request is answered once, in order; events may come
before an answer at any time.  A request the agent does not understand ends the connection.

``native/wire.h`` holds the same numbers (a contract test compares them).
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag

VERSION = 1
"""Of this description; HELLO answers with the agent's."""

REQUEST = struct.Struct("<IIQ")
"""Opcode, flags, number."""
ANSWER = struct.Struct("<II")
"""Status, opcode."""

REQUEST_BYTES_MAX = 65536
"""Header and payload of a request."""
ANSWER_BYTES_MAX = 16384
LABEL_BYTES_MAX = 256
"""Of the label of a mark, in UTF-8; the rest is cut off."""
SILENCE_MS = 60000
"""A client that sends nothing for so long is taken for dead, unless HELLO says another time."""
MARK_WAIT_MS = 60000
"""A program that marked a moment waits no longer than this for RELEASE."""


class Opcode(IntEnum):
    """What is asked for.  Those from SELF_TEST to CAPTURE, and of sites, take the
    interpreter lock."""

    HELLO = 1
    """number: milliseconds of silence after which the client counts as dead; 0: SILENCE_MS.
    Answers at once, also while C code holds the interpreter lock."""
    SELF_TEST = 2
    PREPARE = 3
    """Empty the type cache, learn layouts: before the baseline."""
    BIRTH_START = 4
    BIRTH_STOP = 5
    MEASURE = 6
    COLLECT = 7
    """One full collection.  number: the longest pause in nanoseconds; 0: any."""
    CAPTURE = 8
    """number: milliseconds to wait for a collection in another thread; payload: the header."""
    RELEASE = 9
    """Let the program go on that waits in ``leakhunt.mark``."""
    BYE = 10
    """Answered when everything was put back; the agent closes the connection after that."""
    SITES_START = 11
    """Sample allocations until the connection ends.  number: mean distance of samples in bytes;
    0: 524288.  Where tracemalloc is tracing nothing is switched on, and its
    traces are told; ``source`` says so."""
    SITES_STOP = 12
    PROBES = 13
    """Pauses since the last PROBES; the first one begins to listen, until the connection ends.
    ``gc_0`` to ``gc_2`` and ``gc_all``: collections of a generation (forced ones of ours left
    out), objects collected, and p50, p99, longest and sum of their pauses in nanoseconds.
    ``loops``, for each event loop: thread, ticks, and p50, p99 and longest delay in
    nanoseconds, and for how long it has not answered the tick that is under way."""
    PROBES_STOP = 14
    TRIM = 15
    """Have the C library give free memory back to the kernel, which locks its arenas for a while.
    ``is_trimmed``: it could be asked (glibc); ``rss_before_bytes``, ``rss_after_bytes``."""


class Status(IntEnum):
    """What kind of datagram the agent sends."""

    OK = 0
    ERROR = 1
    """The command failed; ``error`` says why."""
    EVENT = 2
    """Not an answer; ``event`` says what happened: mark, locked, end."""


class Flag(IntFlag):
    """Wishes of a request."""

    MARK = 1
    """CAPTURE: begin a new birth epoch at the moment of the snapshot."""
    REDACT = 2
    """CAPTURE: write no text but the names of types, code and modules."""
    FORK = 4
    """CAPTURE: let a child of fork walk."""
    AUTO = 8
    """CAPTURE: fork or not, whichever promises the shorter pause."""
    LOST = 16
    """BIRTH_START: keep account of what is live, to find what C code lost."""
    EVENTS = 32
    """HELLO: the client answers the event ``mark`` with RELEASE; else marks are not heard."""
    PREDICT = 64
    """MEASURE: say as well how long either kind of capture would pause the program; reading
    what that needs takes the kernel some milliseconds a GiB, without the interpreter lock."""
    CONTENT = 128
    """CAPTURE: write keyed hashes of strings and numbers (Fact.CONTENT)."""
    KEEP = 256
    """PROBES: go on adding up, the next answer covers this time too."""
