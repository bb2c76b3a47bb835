"""Ends a command that we started when the tool itself is ended without a word: by SIGKILL, for want
of memory, by a crash.

A small shell waits at a pipe whose other end only the tool holds.  The kernel closes that end
with the tool, however the tool ends.  ``PR_SET_PDEATHSIG`` would be an attribute of the program,
which is to be started untouched; it reaches a wrapper and not what that started, is dropped by a
program with other rights, and counts the end of the thread that started the program as ours.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress

# A line means that all is well, the end of the file that the tool is dead.  As `Brood.end` does:
# the command is asked, five seconds later its group, which is killed after five more.
_SCRIPT = """
read -r _ && exit
wait_for() { n=0; while [ $n -lt 5 ] && kill -s 0 -- "$1"; do sleep 1; n=$((n + 1)); done; }
kill -s TERM -- "$0"
wait_for "$0"
kill -s TERM -- "-$0"
wait_for "-$0"
kill -s KILL -- "-$0"
"""


class Keeper:
    """Watches over one command that leads a session of its own, until it is dismissed."""

    def __init__(self, leader: int) -> None:
        """Where no shell can be started nobody watches: the hunt is not worth less for it."""
        self._shell: subprocess.Popen[bytes] | None = None
        with suppress(OSError):
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, str(leader)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )

    def dismiss(self) -> None:
        """The command has ended and is reaped: its number may be another one's.  Safe to call
        twice."""
        if self._shell is not None:
            with suppress(OSError):
                self._shell.communicate(b"\n")
            self._shell = None
