"""All that a started command started, so that nothing of it is left behind."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from leakhunt.target.process_table import ProcessEntry, descendants, is_running, read_table

POLL_S = 0.05
_KILL_S = 5.0
"""What does not die of SIGKILL in this time waits for a disk, and will."""


class Brood:
    """The session of a command, its group, and whatever is below one of them.

    A child in a session of its own is known by its parent.  Who was seen once stays known when that
    parent ends.  A daemon is not: it left the session, and its parent ended before anybody looked.

    The command must have been started in a session of its own, and must not have been reaped: as a
    zombie it keeps the number of its session from being used again.
    """

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._start_ticks_by_pid: dict[int, int] = {}

    def look(self) -> list[ProcessEntry]:
        """Who lives now.  Cost: one look at every process of the machine."""
        table = read_table()
        roots = [entry for entry in table.values() if self._is_member(entry)]
        found = {entry.pid: entry for entry in roots}
        for root in [self._leader, *found]:
            found |= {entry.pid: entry for entry in descendants(table, root)}
        self._start_ticks_by_pid = {entry.pid: entry.start_ticks for entry in found.values()}
        return list(found.values())

    def end(self, number: signal.Signals, grace_s: float) -> bool:
        """Ask all to end, wait, kill who is left; whether somebody had to be killed.

        First the group is asked.  Who is outside of it is usually ended by who started it, and
        is asked by us only when it outlives the group: to many programs a second signal is an
        order to drop everything.
        """
        deadline = time.monotonic() + grace_s
        try:
            living = self.look()
            self._signal_group(number)
            has_asked_all = False
            while living and time.monotonic() < deadline:
                if not has_asked_all and not any(self._is_of_group(entry) for entry in living):
                    _signal_each(living, number)
                    has_asked_all = True
                time.sleep(POLL_S)
                living = self.look()
        finally:
            was_killed = self.kill()
        return was_killed

    def kill(self) -> bool:
        """Kill all at once; whether there was somebody."""
        living = self.look()
        was_killed = bool(living)
        deadline = time.monotonic() + _KILL_S
        while living and time.monotonic() < deadline:
            self._signal_group(signal.SIGKILL)
            _signal_each(living, signal.SIGKILL)
            time.sleep(POLL_S / 5)
            living = self.look()
        return was_killed

    def _is_member(self, entry: ProcessEntry) -> bool:
        return (
            entry.session_id == self._leader
            or self._is_of_group(entry)
            or self._start_ticks_by_pid.get(entry.pid) == entry.start_ticks
        )

    def _is_of_group(self, entry: ProcessEntry) -> bool:
        return entry.group_id == self._leader

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(OSError):
            os.killpg(self._leader, number)


def _signal_each(entries: list[ProcessEntry], number: signal.Signals) -> None:
    """A number that another process has by now is left alone: the descriptor is looked at after it
    was opened, and stands for one process for ever."""
    for entry in entries:
        with suppress(OSError):
            pidfd = os.pidfd_open(entry.pid)
            try:
                if is_running(entry.pid, entry.start_ticks):
                    signal.pidfd_send_signal(pidfd, number)
            finally:
                os.close(pidfd)
