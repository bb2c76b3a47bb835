"""Control groups that watched processes share: what one of them reaches, all of them do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from leakhunt.target.cgroup import GroupLimit
from leakhunt.target.sampler import Reading


class Groups:
    """Who has told that a group is near its limit: an alarm for all that are in it."""

    def __init__(self) -> None:
        self._teller_by_name: dict[str, int] = {}
        self._saved_s: dict[str, float] = {}

    def raise_alarm(self, group: GroupLimit, pid: int) -> bool:
        """Whether it is for this process to tell; not when another one has."""
        return self._teller_by_name.setdefault(group.name, pid) == pid

    def clear_alarm(self, group: GroupLimit) -> bool:
        """Whether there was an alarm to withdraw."""
        return self._teller_by_name.pop(group.name, None) is not None

    def forget(self, pid: int) -> None:
        """That process ended, and what it told with it."""
        for name in [name for name, teller in self._teller_by_name.items() if teller == pid]:
            del self._teller_by_name[name]

    def is_saved(self, group: GroupLimit, at_s: float, again_s: float) -> bool:
        """Whether a process of it was saved not long ago; if not, one is now."""
        if at_s - self._saved_s.get(group.name, float("-inf")) < again_s:
            return True
        self._saved_s[group.name] = at_s
        return False


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
