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
PATIENCE_S = 5.0
"""How long a command may take to end its group, at most half of what it is given."""


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

        SIGINT goes to the whole group, as from a terminal.  Any other signal goes to the command
        alone, as from a service manager: a wrapper (``uv run``, ``npm``) passes it on, and to many
        programs a second one is an order to drop everything.  Its group is asked when it has ended
        without them, or not in PATIENCE_S: a shell with a trap waits for its child.
        Who is outside of the group is asked when it outlives that.
        """
        started = time.monotonic()
        asked: set[int] = set()
        try:
            living = self.look()
            while living and (waited_s := time.monotonic() - started) < grace_s:
                is_late = number == signal.SIGINT or waited_s > min(PATIENCE_S, grace_s / 2)
                to_ask = [one for one in self._whose_turn(living, is_late) if one.pid not in asked]
                _signal_each(to_ask, number)
                asked |= {one.pid for one in to_ask}
                time.sleep(POLL_S)
                living = self.look()
        finally:
            was_killed = self.kill()
        return was_killed

    def _whose_turn(self, living: list[ProcessEntry], is_late: bool) -> list[ProcessEntry]:
        """The command while it lives, then its group, then all."""
        command = [one for one in living if one.pid == self._leader]
        if command and not is_late:
            return command
        return [one for one in living if self._is_of_group(one)] or living

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
