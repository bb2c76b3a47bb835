"""Control groups that watched processes share: what one of them reaches, all of them do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from leakhunt.hunt.watch.watched import Turn
from leakhunt.target.cgroup import GroupLimit
from leakhunt.target.sampler import Reading


class Groups:
    """Who has told that a group is near its limit: an alarm for all that are in it."""

    def __init__(self) -> None:
        self._over: dict[str, dict[int, Turn]] = {}
        """By group what each process at the limit would tell; the first one has told it."""
        self._saved_s: dict[str, float] = {}

    def raise_alarm(self, group: GroupLimit, pid: int, turn: Turn) -> bool:
        """Whether it is for this process to tell; not when another one has."""
        over = self._over.setdefault(group.name, {})
        over.setdefault(pid, turn)
        return next(iter(over)) == pid

    def clear_alarm(self, group: GroupLimit) -> int | None:
        """Who told of what is to be withdrawn; None where nobody did."""
        return next(iter(self._over.pop(group.name, ())), None)

    def forget(self, pid: int) -> list[tuple[int, Turn]]:
        """That process ended, and what it told with it; who is to tell it now."""
        heirs = []
        for over in self._over.values():
            has_told = next(iter(over), None) == pid
            over.pop(pid, None)
            if has_told and over:
                heirs.append(next(iter(over.items())))
        return heirs

    def is_saved(self, group: GroupLimit, at_s: float, again_s: float) -> bool:
        """Whether a process of it was saved not long ago."""
        return at_s - self._saved_s.get(group.name, float("-inf")) < again_s

    def note_saved(self, group: GroupLimit, at_s: float) -> None:
        """One was saved."""
        self._saved_s[group.name] = at_s


def in_order(readings: Mapping[int, Reading]) -> dict[int, Reading]:
    """The largest process first, and one figure for each group: the highest that was read.

    So all of a group reach its limit at once, and who has most of it is saved before the kernel
    kills.
    """
    highest: dict[str, GroupLimit] = {}
    for reading in readings.values():
        group = reading.group
        if group is not None:
            before = highest.get(group.name, group)
            highest[group.name] = max(before, group, key=lambda one: one.used_bytes)
    by_size = sorted(readings.items(), key=lambda one: -one[1].rss_bytes)
    return {
        pid: reading
        if reading.group is None
        else replace(reading, group=highest[reading.group.name])
        for pid, reading in by_size
    }
